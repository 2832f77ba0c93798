package ticket

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
)

// FuzzParseAnswer holds that nothing that answers at the socket breaks a program, and that no error repeats any of it.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"ticket":"AQIC5wM2LY4Sfc@AAJTSQACMDE=#","id":1}`, `{"id":2,"error":{"code":2148532233,"name":"TICKET_NOT_AVAILABLE","message":"x"}}`,
		`{"ticket":"\u0041\u005c\u0022"}`, `{"ticket":"\u00"}`, `{"ticket":"\n"}`, `{"ticket":7}`, `{"ticket":null}`, `{"event":{"to":"locked"}}`, `{"status":{"readers":[{}]}}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		a, err := parseAnswer(line)
		if err == nil && a.Ticket.Len() > len(line) {
			t.Errorf("a ticket of %d bytes from %d", a.Ticket.Len(), len(line))
		}
		if err != nil && bytes.Contains(line, []byte("AQIC5")) && strings.Contains(err.Error(), "AQIC5") {
			t.Error(err)
		}
		if !bytes.Equal(before, line) {
			t.Error("the line was changed")
		}
	})
}

// FuzzAnswer holds that a ticket of any bytes arrives as it was sent, and is one line.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("AQIC5wM2LY4Sfc+1/2=@AAJTSQACMDE=#"), uint64(1), "nobody is signed in")
	f.Add([]byte("\x00\"\\\n\xff\u00e9"), uint64(0), "\u2028<&>\xff")
	f.Fuzz(func(t *testing.T, ticket []byte, id uint64, message string) {
		sent := Answer{ID: id, Ticket: secret.New(bytes.Clone(ticket)), Event: &session.Event{Reason: message}}
		line, err := appendAnswer(nil, sent)
		if err != nil || bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q, %v", line, err)
		}
		got, err := parseAnswer(line)
		if err != nil || got.ID != id || !got.Ticket.Equal(sent.Ticket) || utf8.ValidString(message) && got.Event.Reason != message {
			t.Errorf("%q arrives as %q: %+v, %v", ticket, got.Ticket.Reveal(), got, err)
		}
	})
}

// FuzzUnit reads what /proc says of another program's cgroup.
func FuzzUnit(f *testing.F) {
	f.Add([]byte("1:name=systemd:/x\n0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-viewer.scope\n"))
	f.Add([]byte("0::/../x.service/..\n"))
	f.Add([]byte("0::relative.service"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if name := unit(cgroup(text)); strings.ContainsAny(name, "/\n") || len(name) > len(text) {
			t.Errorf("the unit is %q", name)
		}
	})
}
