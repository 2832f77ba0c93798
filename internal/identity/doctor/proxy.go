package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"nhos.org/nhos/internal/identity/spine"
)

// proxied is the way to the Spine by a proxy.
type proxied struct {
	proxy  *url.URL // it may have a password in it, and is shown by its host alone
	server string   // host:port of the Spine, which the proxy looks up by itself

	handshakes atomic.Int32 // of TLS that were begun
}

// A refusal is the answer of a proxy that opens no way, by its HTTP status.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("HTTP %d", int(r)) }

// byProxy is the proxy, and what is behind it. Names of servers are looked up by the proxy, and not here.
func byProxy(ctx context.Context, p Patient, way *proxied) []Finding {
	named, advice := "the environment names it", "is its address the right one? Who looks after the proxy knows whether it runs"
	if p.Environment.Proxy == spine.ProxyFromEnvironment {
		named = "HTTPS_PROXY names it"
		advice += "; the agent's own HTTPS_PROXY is in: systemctl --user show-environment"
	}
	look, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	took, err := connect(look, way.proxy.Hostname(), portOf(way.proxy))
	if err != nil {
		return []Finding{{What: "proxy", Found: fmt.Sprintf("%s (%s) doesn't answer: %v", way.proxy.Host, named, err), Advice: advice}}
	}
	list := []Finding{{What: "proxy", OK: true, Found: fmt.Sprintf("%s (%s), in %d ms", way.proxy.Host, named, took.Milliseconds())}}
	return append(list, secure(ctx, p, way)...)
}

// use has a transport go by the proxy.
func (w *proxied) use(ctx context.Context, t *http.Transport) context.Context {
	t.Proxy = http.ProxyURL(w.proxy)
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
		if answer.StatusCode != http.StatusOK {
			return refusal(answer.StatusCode)
		}
		return nil
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeStart: func() { w.handshakes.Add(1) }})
}

// led says whether the proxy opened the way to the Spine, by the error of a request that went by it. TLS with the Spine
// begins only then; TLS with a proxy that wants it comes before.
func (w *proxied) led(err error, took time.Duration) Finding {
	first := int32(1)
	if w.proxy.Scheme == "https" {
		first = 2
	}
	if err == nil || w.handshakes.Load() >= first {
		return Finding{What: connection, OK: true, Found: "by the proxy"}
	}
	var status refusal
	switch {
	case errors.As(err, &status) && status >= 500:
		return Finding{What: connection, Found: fmt.Sprintf("the proxy %s answers, and can't reach %s (%s)", w.proxy.Host, w.server, status), Advice: "for the proxy, " + hscn}
	case errors.As(err, &status) && status == http.StatusProxyAuthRequired:
		return Finding{What: "proxy", Found: fmt.Sprintf("%s wants a name and a password (%s)", w.proxy.Host, status), Advice: "with \"proxy: environment\" HTTPS_PROXY can have them, as http://NAME:PASSWORD@HOST:PORT"}
	case errors.As(err, &status):
		return Finding{What: "proxy", Found: fmt.Sprintf("%s lets nobody through to %s (%s)", w.proxy.Host, w.server, status), Advice: "who looks after the proxy has to allow it"}
	case errors.Is(err, context.DeadlineExceeded):
		return Finding{What: connection, Found: fmt.Sprintf("the proxy %s took the call, and has opened no way to %s in %s", w.proxy.Host, w.server, took.Round(time.Second)), Advice: "for the proxy, " + hscn}
	}
	return Finding{What: "proxy", Found: fmt.Sprintf("%s doesn't answer as a proxy does: %v", w.proxy.Host, err), Advice: "is its address the right one, and its port?"}
}
