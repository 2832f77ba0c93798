package spine_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/spinesim"
)

func TestTrust(t *testing.T) {
	d, other := newDesk(t), newDesk(t)
	try := func(e spine.Environment) error {
		_, err := newClient(t, spine.Options{Timeouts: patient, Environment: e}).Activate(t.Context())
		return err
	}
	if err := try(spine.Environment{Login: d.running.URL, CAFile: d.caFile}); err != nil {
		t.Fatal(err)
	}
	byName := strings.Replace(d.running.URL, "127.0.0.1", "localhost", 1)
	if err := try(spine.Environment{Login: byName, CAFile: d.caFile}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		environment spine.Environment
		says        string
	}{
		"another CA's":   {spine.Environment{Login: d.running.URL, CAFile: other.caFile}, "unknown authority"},
		"the system's":   {spine.Environment{Login: d.running.URL}, "unknown authority"},
		"another's name": {spine.Environment{Login: strings.Replace(d.running.URL, "127.0.0.1", "127.0.0.2", 1), CAFile: d.caFile}, "127.0.0.2"},
		"no TLS at all":  {spine.Environment{Login: strings.Replace(d.running.ControlURL, "http:", "https:", 1), CAFile: d.caFile}, "TLS"},
	} {
		if name == "another's name" {
			c.environment.Login = relay(t, "127.0.0.2:0", d.running.URL)
		}
		if err := try(c.environment); !errors.Is(err, spine.ErrUntrusted) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.mustBreak(t, spinesim.Fault{Name: "old-tls"})
	if err := try(spine.Environment{Login: d.running.URL, CAFile: d.caFile}); !errors.Is(err, spine.ErrUntrusted) || !strings.Contains(err.Error(), "version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	for name, file := range map[string]string{"no file": "/nonexistent/ca.pem", "no certificate": writeFile(t, "x.pem", []byte("x"))} {
		if _, err := spine.New(spine.Options{Environment: spine.Environment{Login: d.running.URL, CAFile: file}}); err == nil {
			t.Errorf("%s: a client was made", name)
		}
	}
}

// relay passes connections on to the server of a URL.
func relay(t *testing.T, address, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go join(c, strings.TrimPrefix(to, "https://"))
		}
	}()
	return "https://" + l.Addr().String()
}

func join(c net.Conn, address string) {
	defer func() { _ = c.Close() }()
	up, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	go func() {
		_, _ = io.Copy(up, c)
		_ = up.Close()
	}()
	_, _ = io.Copy(c, up)
}

// proxy answers CONNECT to gas.example.test with a connection to the server of a URL, and counts.
func proxy(t *testing.T, to string, status int) (address string, count *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	count = &atomic.Int32{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil || r.Method != http.MethodConnect || r.Host != "gas.example.test:443" || strings.Contains(r.RequestURI, "token") {
					_ = c.Close()
					return
				}
				count.Add(1)
				if status != http.StatusOK {
					_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
					_ = c.Close()
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				join(c, strings.TrimPrefix(to, "https://"))
			}()
		}
	}()
	return "http://" + l.Addr().String(), count
}

func TestProxies(t *testing.T) {
	d := newDesk(t)
	address, count := proxy(t, d.running.URL, http.StatusOK)
	refusing, refused := proxy(t, d.running.URL, http.StatusProxyAuthRequired)
	through := func(proxy string) error {
		e := spine.Environment{Login: "https://gas.example.test", CAFile: d.caFile, Proxy: proxy}
		d.client = newClient(t, spine.Options{Timeouts: patient, Environment: e})
		return d.day(t.Context())
	}
	if err := through(address); err != nil || count.Load() == 0 {
		t.Errorf("explicit, %d connections: %v", count.Load(), err)
	}
	if err := through(refusing); !errors.Is(err, spine.ErrUnreachable) || !strings.Contains(err.Error(), "Proxy Authentication Required") || refused.Load() == 0 {
		t.Errorf("a proxy that refuses: %v", err)
	}
	// The variables of the environment count where they are asked for alone.
	t.Setenv("HTTPS_PROXY", address)
	t.Setenv("NO_PROXY", "")
	before := count.Load()
	if err := through(""); !errors.Is(err, spine.ErrUnreachable) || count.Load() != before {
		t.Errorf("unasked, %d connections: %v", count.Load()-before, err)
	}
	if err := through(spine.ProxyFromEnvironment); err != nil || count.Load() == before {
		t.Errorf("asked for: %v", err)
	}
}
