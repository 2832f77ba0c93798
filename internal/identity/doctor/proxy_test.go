package doctor_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/doctor"
	"nhos.org/nhos/internal/identity/spine"
)

// theirName is the Spine's behind a proxy: one that only the proxy knows, and that the certificate of httptest has.
const theirName = "example.com"

// proxy is an HTTP proxy on loopback that leads to the ward's Spine.
type proxy struct {
	net.Listener
	status atomic.Int32 // that CONNECT is answered with; 0 lets through, -1 hangs up
	asked  atomic.Int32 // how often, for the Spine's name
	signed atomic.Value // the Proxy-Authorization that came last
	hold   atomic.Bool  // CONNECT is answered when free is closed
	free   chan struct{}
}

// behindProxy has the ward's Spine be known to a proxy alone.
func (w *ward) behindProxy() *proxy {
	w.t.Helper()
	noNames(w.t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var open sync.WaitGroup
	w.t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	x := &proxy{Listener: l, free: make(chan struct{})}
	to := strings.TrimPrefix(w.spine.URL, "https://")
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { x.serve(c, to) })
		}
	})
	w.patient.Environment.Login, w.patient.Environment.Proxy = "https://"+theirName, "http://"+l.Addr().String()
	return x
}

func (x *proxy) serve(c net.Conn, to string) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || r.Method != http.MethodConnect || r.Host != theirName+":443" {
		return
	}
	x.asked.Add(1)
	x.signed.Store(r.Header.Get("Proxy-Authorization"))
	if x.hold.Load() {
		<-x.free
	}
	status := int(x.status.Load())
	switch {
	case status < 0:
		return
	case status > 0:
		fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
		return
	}
	up, err := net.Dial("tcp", to)
	if err != nil {
		_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer up.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(up, c)
		_ = up.Close()
	}()
	_, _ = io.Copy(c, up)
}

func TestAllIsWellBehindAProxy(t *testing.T) {
	w := newWard(t)
	x := w.behindProxy()
	list := doctor.Examine(t.Context(), w.patient)
	var what []string
	for _, f := range list[6:] {
		what = append(what, f.What)
	}
	if got := strings.Join(what, ", "); got != "proxy, connection (HSCN), TLS, Spine, clock" || x.asked.Load() != 1 {
		t.Errorf("looked at %s, and asked the proxy %d times", got, x.asked.Load())
	}
	if f, found := doctor.AtFault(list); found {
		t.Errorf("%+v is said to be at fault", f)
	}
	if !strings.Contains(list[6].Found, x.Addr().String()+" (the environment names it)") {
		t.Errorf("the proxy is called %q", list[6].Found)
	}
}

func TestWhatIsAtFaultBehindAProxy(t *testing.T) {
	for name, test := range map[string]struct {
		spoil       func(w *ward, x *proxy)
		what, words string
	}{
		"proxy dead":          {func(_ *ward, x *proxy) { _ = x.Close() }, "proxy", "doesn't answer: dial tcp 127.0.0.1"},
		"Spine dead":          {func(w *ward, _ *proxy) { w.spine.Close() }, "connection (HSCN)", "answers, and can't reach example.com:443 (HTTP 502)"},
		"proxy wants a name":  {func(_ *ward, x *proxy) { x.status.Store(407) }, "proxy", "wants a name and a password (HTTP 407)"},
		"proxy forbids":       {func(_ *ward, x *proxy) { x.status.Store(403) }, "proxy", "lets nobody through to example.com:443 (HTTP 403)"},
		"proxy waits in vain": {func(_ *ward, x *proxy) { x.status.Store(504) }, "connection (HSCN)", "can't reach example.com:443 (HTTP 504)"},
		"proxy hangs up":      {func(_ *ward, x *proxy) { x.status.Store(-1) }, "proxy", "doesn't answer as a proxy does"},
		"no proxy's name":     {func(w *ward, _ *proxy) { w.patient.Environment.Proxy = "http://proxy.invalid:3128" }, "proxy", "proxy.invalid:3128 (the environment names it) doesn't answer"},
		"no proxy's address":  {func(w *ward, _ *proxy) { w.patient.Environment.Proxy = "http://jo:secret@proxy:1" }, "proxy", "isn't taken from a file"},
		"TLS untrusted":       {func(w *ward, _ *proxy) { otherCA(w) }, "TLS", "unknown authority"},
		"Spine is unwell":     {func(w *ward, _ *proxy) { w.status.Store(http.StatusServiceUnavailable) }, "Spine", "503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWard(t)
			test.spoil(w, w.behindProxy())
			list := doctor.Examine(t.Context(), w.patient)
			f, found := doctor.AtFault(list)
			if !found || f.What != test.what || !strings.Contains(f.Found, test.words) || f.Advice == "" {
				t.Errorf("%q is said to be at fault, by %q; want %q, by %q", f.What, f.Found, test.what, test.words)
			}
			showsNoPassword(t, list)
		})
	}
}

// byVariable has HTTPS_PROXY name the proxy, with a name and a password.
func (w *ward) byVariable(x *proxy) {
	w.t.Setenv("HTTPS_PROXY", "http://jo:secret@"+x.Addr().String())
	w.patient.Environment.Proxy = spine.ProxyFromEnvironment
}

func showsNoPassword(t *testing.T, list []doctor.Finding) {
	t.Helper()
	text, err := json.Marshal(list)
	if err != nil || strings.Contains(string(text), "secret") || strings.Contains(string(text), "jo:") {
		t.Errorf("the password of the proxy is shown: %s, %v", text, err)
	}
}

// The proxy of HTTPS_PROXY is given its name and password, and nobody else is.
func TestProxyOfTheEnvironment(t *testing.T) {
	for status, what := range map[int]string{0: "", 403: "proxy", 503: "connection (HSCN)", -1: "proxy"} {
		w := newWard(t)
		x := w.behindProxy()
		x.status.Store(int32(status))
		w.byVariable(x)
		list := doctor.Examine(t.Context(), w.patient)
		if f, _ := doctor.AtFault(list); f.What != what {
			t.Errorf("%d: %+v is said to be at fault", status, f)
		}
		if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("jo:secret")); x.signed.Load() != want {
			t.Errorf("the proxy was given %q", x.signed.Load())
		}
		showsNoPassword(t, list)
		if !strings.Contains(list[6].Found, x.Addr().String()+" (HTTPS_PROXY names it)") {
			t.Errorf("the proxy is called %q", list[6].Found)
		}
	}
	w := newWard(t)
	w.byVariable(w.behindProxy())
	t.Setenv("NO_PROXY", theirName)
	if f, _ := doctor.AtFault(doctor.Examine(t.Context(), w.patient)); f.What != "name" {
		t.Errorf("NO_PROXY: %+v is said to be at fault", f)
	}
}

// A proxy that waits for a Spine that doesn't answer takes its time, and the doctor doesn't.
func TestProxyThatKeepsWaiting(t *testing.T) {
	w := newWard(t)
	x := w.behindProxy()
	x.hold.Store(true)
	defer close(x.free)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	f, _ := doctor.AtFault(doctor.Examine(ctx, w.patient))
	if f.What != "connection (HSCN)" || !strings.Contains(f.Found, "took the call, and has opened no way to example.com:443") {
		t.Errorf("%+v is said to be at fault", f)
	}
}
