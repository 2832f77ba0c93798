package spine

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"nhos.org/nhos/internal/ui"
)

// What can go wrong with a call, for errors.Is. Each *Error is one of them, or context.Canceled where the caller
// cancelled.
var (
	// ErrUnreachable says that no answer came: no such name, no route, refused, cut off, too slow.
	ErrUnreachable = errors.New("the server can't be reached")
	// ErrUntrusted says that a connection was made, and TLS not: another CA's certificate, another name's, an expired
	// one, a version before 1.2.
	ErrUntrusted = errors.New("no trusted connection (TLS) to the server")
	// ErrStatus says that the answer's HTTP status is none of success.
	ErrStatus = errors.New("the server answered with an error")
	// ErrRefused says that the server understood, and doesn't want to.
	ErrRefused = errors.New("the server refused")
	// ErrSyntax says that the answer isn't what the protocol says.
	ErrSyntax = errors.New("the answer can't be understood")
	// ErrExpired says that the server knows no session of this ticket (any more).
	ErrExpired = errors.New("the session has ended at the server")
)

// Error is why a call failed. It holds neither ticket nor URL: net/http puts URLs into its errors, and the ticket is a
// part of URLs.
type Error struct {
	Doing   string   // "asking for a challenge"
	Host    string   // with its port, if it has one
	Kind    error    // one of the above, or context.Canceled
	Status  int      // of HTTP; 0 where no answer came
	Missing []string // the fields that the answer lacks
	Detail  string   // what the server said, bounded and without anything that looks like a ticket
	Cause   error    // of the network or of TLS; may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %v", e.Doing, e.Host, e.Kind)
	if e.Status != 0 && e.Kind == ErrStatus {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if len(e.Missing) > 0 {
		b.WriteString(": it has no " + strings.Join(e.Missing, ", no "))
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// hints say what a person can do about each kind.
var hints = map[error]string{
	ErrUnreachable: "is this computer on the HSCN network (cable, VPN), and is the environment the right one?",
	ErrUntrusted:   "is the clock right? does a proxy on the way show a certificate of its own? an environment names the CAs with ca_file",
	ErrStatus:      "try again later; the service desk knows whether the Spine is down",
	ErrRefused:     "if it stays so, ask the registration authority whether the card is still valid",
	ErrSyntax:      "something on the way may have answered instead of the Spine: a proxy, or a network's login page",
	ErrExpired:     "sign in again",
}

// hinted is e with the advice for its kind.
func hinted(e *Error) error {
	return ui.Hint(e, hints[e.Kind])
}

// saidRunes is how much of what a server says goes into an error.
const saidRunes = 160

// said makes text of a server fit for an error: one line, printable, short, and with long runs of the letters that
// tickets are made of left out, since a server may repeat what it was sent.
func said(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	for i, w := range words {
		words[i] = withoutRuns(w)
	}
	line := []rune(strings.Join(words, " "))
	if len(line) > saidRunes {
		line = append(line[:saidRunes-1], '…')
	}
	return string(line)
}

// withoutRuns replaces runs of 24 and more characters of base64, base64url, percent-encoding or a ticket by "…".
func withoutRuns(word string) string {
	const longest = 24
	var b strings.Builder
	run := 0
	for i := 0; i <= len(word); i++ {
		if i < len(word) && (isAlphanumeric(word[i]) || strings.IndexByte("+/=@#%-_*", word[i]) >= 0) {
			continue
		}
		if i-run >= longest {
			b.WriteString("…")
		} else {
			b.WriteString(word[run:i])
		}
		if i < len(word) {
			b.WriteByte(word[i])
		}
		run = i + 1
	}
	return b.String()
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
