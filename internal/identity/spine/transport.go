package spine

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"

	"nhos.org/nhos/internal/identity/secret"
)

const (
	maxBody      = 1 << 20 // bytes of an answer; a person with 200 roles has less than a tenth
	maxHeader    = 64 << 10
	maxCAFile    = 4 << 20
	maxRedirects = 3
)

// Timeouts bound the phases of one call. A zero is the default.
type Timeouts struct {
	Connect time.Duration // finding the address and connecting; default 5 s
	TLS     time.Duration // default 5 s
	Answer  time.Duration // from the request to the first bytes of the answer; default 15 s
	Call    time.Duration // all of it; default 30 s
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&t.Connect, 5*time.Second)
	set(&t.TLS, 5*time.Second)
	set(&t.Answer, 15*time.Second)
	set(&t.Call, 30*time.Second)
	return t
}

// newTransport makes the connections of an environment: TLS 1.2 or later, verified, with the CAs of its file or the
// system's; by its proxy; without HTTP/2 and compression, which the Spine's servers don't speak.
func newTransport(e Environment, t Timeouts) (*http.Transport, error) {
	roots, err := loadCAs(e.CAFile)
	if err != nil {
		return nil, err
	}
	choose, err := chooseProxy(e)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return choose(r.URL) },
		DialContext:            (&net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    t.TLS,
		ResponseHeaderTimeout:  t.Answer,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1,
		MaxConnsPerHost:        4,
		IdleConnTimeout:        30 * time.Second,
	}, nil
}

// chooseProxy gives by which proxy an environment's servers are reached; the proxy is nil for none.
func chooseProxy(e Environment) (func(server *url.URL) (*url.URL, error), error) {
	if e.Proxy == ProxyFromEnvironment {
		return httpproxy.FromEnvironment().ProxyFunc(), nil
	}
	proxy, err := proxyURL(e.Proxy)
	if err != nil {
		return nil, fmt.Errorf("environment %q: proxy: %w", e.Name, err)
	}
	return func(*url.URL) (*url.URL, error) { return proxy, nil }, nil
}

// LoginProxy is the proxy by which an environment's logins go, or nil for none. Where HTTPS_PROXY names it, it may have a
// password in it: only its Host is to be shown.
func LoginProxy(e Environment) (*url.URL, error) {
	choose, err := chooseProxy(e)
	if err != nil {
		return nil, err
	}
	login, err := url.Parse(e.Login)
	if err != nil {
		return nil, fmt.Errorf("environment %q: login: %w", e.Name, err)
	}
	return choose(login)
}

// loadCAs reads a file of certificates; "" is nil, which is the system's.
func loadCAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening the CAs of the server: %w", err)
	}
	defer func() { _ = f.Close() }()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile))
	if err != nil {
		return nil, fmt.Errorf("reading the CAs of the server: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate (PEM) of a CA", file)
	}
	return pool, nil
}

// A call is one request.
type call struct {
	doing  string // for errors
	method string
	url    string // may have the ticket in it
	host   string
	body   []byte
	logID  string
	ticket *secret.Text // what errors mustn't show; may be nil
}

// An answer is what came back with a status of success.
type answer struct {
	body []byte // UTF-8
}

// do makes a call and reads its answer whole. Every error is an *Error without secrets.
func (c *Client) do(ctx context.Context, call call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeouts.Call)
	defer cancel()
	for range maxRedirects + 1 {
		a, next, err := c.once(ctx, call)
		if err != nil {
			return answer{}, hinted(call.safe(err))
		}
		if next == "" {
			return a, nil
		}
		call.url = next
	}
	return answer{}, hinted(&Error{Doing: call.doing, Host: call.host, Kind: ErrSyntax, Detail: "it redirects in a circle"})
}

// once makes one request. next is where the server redirects to.
func (c *Client) once(ctx context.Context, call call) (a answer, next string, fail *Error) {
	watch := &handshake{}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, watch.trace()), call.method, call.url, bytes.NewReader(call.body))
	if err != nil {
		return answer{}, "", call.failed(ErrSyntax, errors.New("its address is no URL"))
	}
	request.Header.Set("User-Agent", c.agent)
	if c.analytics != nil {
		request.Header.Set("Analytics", c.analytics().header(c.agent, call.logID))
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return answer{}, "", call.broken(ctx, err, watch.err())
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		clear(raw)
		return answer{}, "", call.broken(ctx, err, nil)
	}
	defer clear(raw)
	if len(raw) > maxBody {
		return answer{}, "", call.failed(ErrSyntax, fmt.Errorf("it is larger than %d bytes", maxBody))
	}
	body := utf8Text(raw)
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return answer{body}, "", nil
	case status >= 300 && status < 400 && status != http.StatusNotModified:
		next, fail = call.redirect(response)
		return answer{}, next, fail
	case status == http.StatusUnauthorized && call.ticket != nil:
		return answer{}, "", &Error{Doing: call.doing, Host: call.host, Kind: ErrExpired, Status: status}
	default:
		title, _ := htmlTitle(body)
		clear(body)
		return answer{}, "", &Error{Doing: call.doing, Host: call.host, Kind: ErrStatus, Status: status, Detail: said(title)}
	}
}

// redirect gives where to make the request again: at the same server alone, and only where its method and body stay,
// because what is in them is for this server.
func (call call) redirect(response *http.Response) (next string, fail *Error) {
	refuse := func(detail string) (string, *Error) {
		return "", &Error{Doing: call.doing, Host: call.host, Kind: ErrStatus, Status: response.StatusCode, Detail: detail}
	}
	here := response.Request.URL
	to, err := here.Parse(response.Header.Get("Location"))
	if err != nil || response.Header.Get("Location") == "" {
		return refuse("it redirects to nowhere")
	}
	if sameServer(here, to.String()) == "" {
		return refuse(said(fmt.Sprintf("it redirects to %s://%s, which isn't followed", to.Scheme, to.Host)))
	}
	keeps := response.StatusCode == http.StatusTemporaryRedirect || response.StatusCode == http.StatusPermanentRedirect
	if call.method != http.MethodGet && !keeps {
		return refuse("it redirects what was posted to another page")
	}
	return to.String(), nil
}

// failed is an error of this call.
func (call call) failed(kind, cause error) *Error {
	return &Error{Doing: call.doing, Host: call.host, Kind: kind, Cause: cause}
}

// broken is the error of a call that got no whole answer.
func (call call) broken(ctx context.Context, err, handshake error) *Error {
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = withURL.Err
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return call.failed(context.Canceled, nil)
	case isTLS(err) || handshake != nil && isTLS(handshake):
		return call.failed(ErrUntrusted, err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return call.failed(ErrUnreachable, errors.New("it closed the connection"))
	}
	return call.failed(ErrUnreachable, err)
}

// safe makes sure that an error says nothing of the ticket, whoever wrote its words.
func (call call) safe(e *Error) *Error {
	if e.Cause != nil && leaks(e.Cause.Error(), call.ticket) {
		e.Cause = nil
	}
	if leaks(e.Detail, call.ticket) {
		e.Detail = ""
	}
	return e
}

// leaks says whether a text has a part of a secret in it, as it is or as a part of a URL.
func leaks(text string, ticket *secret.Text) bool {
	const part = 8 // bytes
	value := ticket.Reveal()
	decoded, err := url.PathUnescape(text)
	if err != nil {
		decoded = text
	}
	for i := 0; i < max(1, len(value)-part+1); i++ {
		piece := value[i:min(i+part, len(value))]
		if len(piece) > 0 && (strings.Contains(text, string(piece)) || strings.Contains(decoded, string(piece))) {
			return true
		}
	}
	return false
}

// isTLS says whether err is about trust or the protocol of TLS, and not about the network below.
func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		remote       *net.OpError
		record       tls.RecordHeaderError
		network      net.Error
	)
	if errors.As(err, &verification) || errors.As(err, &remote) && (remote.Op == "remote error" || remote.Op == "local error") || errors.As(err, &record) {
		return true
	}
	if errors.As(err, &network) && network.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	return strings.HasPrefix(err.Error(), "tls: ")
}

// A handshake remembers how TLS went for a request.
type handshake struct {
	mutex  sync.Mutex
	failed error
}

func (h *handshake) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		h.failed = err
	}}
}

func (h *handshake) err() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.failed
}
