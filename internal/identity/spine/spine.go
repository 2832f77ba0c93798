// Package spine speaks CIS1, the protocol by which an NHS smartcard signs its holder in to the Spine: activate, sign,
// validate, select a role, assert, log out.
//
// A Client keeps no session: every call takes what it needs and gives a plain value. Answers of servers are read
// leniently, bounded, and never believed to be XML that is well-formed; a field that is missing is named in the error.
package spine

import (
	"time"

	"nhos.org/nhos/internal/identity/secret"
)

// Challenge is what a server asks to have signed.
type Challenge struct {
	Bytes     []byte // decoded; opaque
	Text      string // as the server sent it, to be echoed
	Signature string // the server's own proof, to be echoed
	LogID     string // log_session_id of this login
	DeviceID  string
}

// Login is one validated login: what the server said of the person and the session.
type Login struct {
	UID    string       // 12 digits
	Name   string       // cn, as the server writes it
	Roles  []Role       // in the server's order
	Ticket *secret.Text // the SSO token

	SessionTime    time.Duration // until an idle session ends; 0 where the server doesn't say
	MaxSessionTime time.Duration // until any session ends; 0 where the server doesn't say
	LogoutURL      string        // of the same server, or empty
	SessionURL     string
	LogID          string
	DeviceID       string
}

// Role is one of a person's roles at an organisation.
type Role struct {
	ID           string `json:"id"`      // role profile id
	OrgCode      string `json:"orgCode"` // ODS code; empty where the server leaves it out
	Organisation string `json:"organisation"`
	Area         string `json:"area"`
	Group        string `json:"group"`
	Name         string `json:"name"`
}
