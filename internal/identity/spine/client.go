package spine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"nhos.org/nhos/internal/identity/secret"
)

// Options say how a Client speaks to which Spine.
type Options struct {
	Environment Environment
	Version     string // of this program: the User-Agent is "nhos-identity/VERSION"
	Timeouts    Timeouts
	// Analytics gives what the Analytics header says at each call. Nil, the default, sends none: the server doesn't need
	// it.
	Analytics func() Analytics
}

// Client speaks CIS1 to one environment. It keeps connections and no session, and may be used by several goroutines.
type Client struct {
	environment Environment
	login       *url.URL
	assertions  *url.URL
	agent       string
	timeouts    Timeouts
	analytics   func() Analytics
	transport   *http.Transport
}

// New makes a client. It reads the environment's file of CAs and connects to nothing.
func New(o Options) (*Client, error) {
	o.Timeouts = o.Timeouts.withDefaults()
	transport, err := newTransport(o.Environment, o.Timeouts)
	if err != nil {
		return nil, err
	}
	login, err := baseURL(o.Environment.Login)
	if err != nil {
		return nil, err
	}
	assertions := login
	if o.Environment.Assertions != "" {
		if assertions, err = baseURL(o.Environment.Assertions); err != nil {
			return nil, err
		}
	}
	return &Client{
		environment: o.Environment,
		login:       login,
		assertions:  assertions,
		agent:       "nhos-identity/" + token(o.Version),
		timeouts:    o.Timeouts,
		analytics:   o.Analytics,
		transport:   transport,
	}, nil
}

// token is a version as a header and a URL can have it.
func token(version string) string {
	version = strings.Map(func(r rune) rune {
		if r < 0x80 && isAlphanumeric(byte(r)) || strings.ContainsRune(".-_~", r) {
			return r
		}
		return -1
	}, version)
	if version == "" {
		return "unknown"
	}
	return version
}

// Close ends the connections that are kept.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// uidForm is what a person's uid is: the CN of the card's certificate.
var uidForm = regexp.MustCompile(`^[0-9]{12}$`)

// Activate asks for a challenge to sign. It is the first step of a login.
func (c *Client) Activate(ctx context.Context) (Challenge, error) {
	challenge := Challenge{LogID: rand.Text()[:10], DeviceID: strings.ToLower(rand.Text()[:8]) + ",ClientIP=127.0.0.1"}
	call := c.post("asking for a challenge", c.login, "/login/authactivate", challenge.LogID, request{
		{"auth_method", "3"},
		{"app_url", "NHST"},
		{"log_session_id", challenge.LogID},
		{"device_id", challenge.DeviceID},
		{"service", "ACTIVATION"},
	})
	fields, err := c.object(ctx, call)
	if err != nil {
		return Challenge{}, err
	}
	challenge.Text = fields.text("challenge")
	challenge.Signature = fields.text("signature")
	if missing := lacks(fields, "challenge", "signature"); missing != nil {
		return Challenge{}, hinted(&Error{Doing: call.doing, Host: call.host, Kind: ErrSyntax, Missing: missing, Detail: complaint(fields)})
	}
	challenge.Bytes, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(challenge.Text, " ", ""))
	if err != nil || len(challenge.Bytes) == 0 || len(challenge.Bytes) > maxContent {
		return Challenge{}, hinted(call.failed(ErrSyntax, errors.New("its challenge isn't base64 of a challenge")))
	}
	return challenge, nil
}

// Validate answers a challenge with the object that CMS made, and gives the login. uid is the CN of the signing
// certificate (12 digits).
//
// A server that refuses (the card is revoked, the person has left) gives ErrRefused.
func (c *Client) Validate(ctx context.Context, uid string, challenge Challenge, cms []byte) (*Login, error) {
	if !uidForm.MatchString(uid) {
		return nil, errors.New("signing in: the card's holder has no uid of 12 digits")
	}
	call := c.post("signing in", c.login, "/login/authvalidate", challenge.LogID, request{
		{"auth_method", "3"},
		{"app_url", "NHST"},
		{"log_session_id", challenge.LogID},
		{"device_id", challenge.DeviceID},
		{"service", "AUTHENTICATION"},
		{"challenge", challenge.Text},
		{"signature", challenge.Signature},
		{"uid", uid},
		{"card_type", "p11"},
		{"response", base64.StdEncoding.EncodeToString(mimeText(cms))},
		{"mobility", "0"},
	})
	fields, err := c.object(ctx, call)
	if err != nil {
		return nil, err
	}
	defer fields.wipe()
	login, fail := readLogin(fields, c.login)
	if fail != nil {
		fail.Doing, fail.Host = call.doing, call.host
		return nil, hinted(fail)
	}
	login.UID, login.LogID, login.DeviceID = uid, challenge.LogID, challenge.DeviceID
	return login, nil
}

// SelectRole makes a role (Role.ID) that of the session. It may be called again with another one: the ticket stays.
func (c *Client) SelectRole(ctx context.Context, ticket *secret.Text, roleID string) error {
	if roleID == "" {
		return errors.New("selecting the role: the server gave it no id")
	}
	mode := "0"
	if c.environment.Training {
		mode = "1"
	}
	query := "?token=" + string(escape(ticket.Reveal())) + "&selectedRoleUid=" + string(escape([]byte(roleID))) +
		"&ssbMode=" + mode + "&fallbackStatus=0&gacVersion=" + string(escape([]byte(c.agent)))
	call := call{doing: "selecting the role", method: http.MethodGet, host: c.login.Host, ticket: ticket,
		url: c.login.String() + "/saml/RoleSelectionGP.jsp" + query}
	return c.ok(ctx, call)
}

// Assertion asks who the ticket's session is of, with which roles.
func (c *Client) Assertion(ctx context.Context, ticket *secret.Text) (*Assertion, error) {
	call := call{doing: "asking for the roles of the session", method: http.MethodGet, host: c.assertions.Host, ticket: ticket,
		url: c.assertions.String() + "/saml/RoleAssertion?token=" + string(escape(ticket.Reveal()))}
	a, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	defer clear(a.body)
	assertion, fail := parseAssertion(a.body)
	if fail != nil {
		fail.Doing, fail.Host = call.doing, call.host
		return nil, hinted(call.safe(fail))
	}
	return assertion, nil
}

// Logout ends a session at the server. A session that has ended there already gives ErrExpired.
func (c *Client) Logout(ctx context.Context, login *Login) error {
	to := sameServer(c.login, login.LogoutURL)
	if to == "" {
		to = c.login.String() + "/login/authlogout"
	}
	call := c.post("signing out", c.login, "", login.LogID, request{
		{"service", "LOGOUT"},
		{"sso_ticket", string(login.Ticket.Reveal())},
		{"log_session_id", login.LogID},
		{"device_id", login.DeviceID},
		{"uid", login.UID},
	})
	call.url, call.ticket = to, login.Ticket
	return c.ok(ctx, call)
}

// post is a call with a gpOBJECT.
func (c *Client) post(doing string, base *url.URL, path, logID string, body request) call {
	return call{doing: "selecting the role", method: http.MethodPost, url: base.String() + path, host: base.Host, body: body.xml(), logID: logID}
}

// object makes a call that is answered by a gpOBJECT.
func (c *Client) object(ctx context.Context, call call) (object, error) {
	a, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	defer clear(a.body)
	fields, err := parseObject(a.body)
	if err != nil {
		return nil, hinted(call.failed(ErrSyntax, err))
	}
	return fields, nil
}

// ok makes a call that is answered by a page with a status.
func (c *Client) ok(ctx context.Context, call call) error {
	a, err := c.do(ctx, call)
	if err != nil {
		return err
	}
	defer clear(a.body)
	if fail := readStatus(a.body); fail != nil {
		fail.Doing, fail.Host = call.doing, call.host
		return hinted(call.safe(fail))
	}
	return nil
}
