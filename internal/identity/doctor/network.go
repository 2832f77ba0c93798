package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"nhos.org/nhos/internal/identity/spine"
)

const (
	connection = "connection (HSCN)"
	hscn       = "the Spine is reached through HSCN only: is the cable in, the VPN connected, a connection of the organisation's used?"
)

// network is the way to the Spine that the agent takes, name and connection or the proxy; then TLS, the Spine, and the
// clock.
func network(ctx context.Context, p Patient) []Finding {
	u, err := url.Parse(p.Environment.Login)
	if err != nil {
		return []Finding{{What: "environment", Found: err.Error()}}
	}
	proxy, err := spine.LoginProxy(p.Environment)
	if err != nil {
		return []Finding{{What: "proxy", Found: err.Error(), Advice: "write it as http://HOST:PORT"}}
	}
	host, port := u.Hostname(), portOf(u)
	if proxy != nil {
		return byProxy(ctx, p, &proxied{proxy: proxy, server: net.JoinHostPort(host, port)})
	}
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(look, host)
	if err != nil {
		return []Finding{{What: "name", Found: fmt.Sprintf("%s isn't known to this network", host), Advice: hscn}}
	}
	list := []Finding{{What: "name", OK: true, Found: fmt.Sprintf("%s is %s", host, strings.Join(addresses, ", "))}}
	took, err := connect(look, host, port)
	if err != nil {
		return append(list, Finding{What: connection, Found: fmt.Sprintf("%s port %s doesn't answer: %v", host, port, err), Advice: hscn})
	}
	list = append(list, Finding{What: connection, OK: true, Found: fmt.Sprintf("in %d ms", took.Milliseconds())})
	return append(list, secure(ctx, p, nil)...)
}

// connect connects, and hangs up.
func connect(ctx context.Context, host, port string) (took time.Duration, err error) {
	began := time.Now()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return 0, err
	}
	return time.Since(began), c.Close()
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// secure is TLS, the Spine's answer, and the clock by it. way is the proxy by which the Spine is reached, or nil.
func secure(ctx context.Context, p Patient, way *proxied) []Finding {
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	if p.Environment.CAFile != "" {
		text, err := os.ReadFile(p.Environment.CAFile)
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if err != nil || !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return []Finding{{What: "TLS", Found: fmt.Sprintf("%s holds no certificates: %v", p.Environment.CAFile, err), Advice: "the environment's ca_file has to be a file of PEM certificates"}}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*lookTime)
	defer cancel()
	if way != nil {
		ctx = way.use(ctx, transport)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, p.Environment.Login+"/", nil)
	if err != nil {
		return []Finding{{What: "environment", Found: err.Error()}}
	}
	var list []Finding
	began := time.Now()
	answer, err := (&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if way != nil {
		led := way.led(err, time.Since(began))
		if list = append(list, led); !led.OK {
			return list
		}
	}
	if err != nil {
		return append(list, untrusted(err, p.Now))
	}
	_ = answer.Body.Close()
	list = append(list, Finding{What: "TLS", OK: true, Found: tls.VersionName(answer.TLS.Version)})
	server := Finding{What: "Spine", OK: answer.StatusCode < 500, Found: answer.Status}
	if !server.OK {
		server.Advice = "the Spine itself has a problem: the national service desk knows"
	}
	return append(append(list, server), clock(answer.Header.Get("Date"), p.Now)...)
}

// untrusted is why TLS failed.
func untrusted(err error, now time.Time) Finding {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return Finding{What: "clock or TLS", Found: err.Error(), Advice: fmt.Sprintf("is it %s? If not, the clock is at fault", now.Format("15:04 on 2 January 2006"))}
	}
	return Finding{What: "TLS", Found: err.Error(), Advice: "does a proxy on the way show a certificate of its own? The environment's ca_file names the CAs that are trusted"}
}

// clock is how far this computer's is off, where the Spine says what time it is.
func clock(date string, now time.Time) []Finding {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return nil
	}
	off := now.Sub(theirs).Truncate(time.Second)
	f := Finding{What: "clock", OK: off.Abs() <= clockOff, Found: fmt.Sprintf("%s off", off.Abs())}
	if !f.OK {
		f.Advice = "set it, or let it be set: timedatectl set-ntp true"
	}
	return []Finding{f}
}
