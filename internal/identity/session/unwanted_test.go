package session

import (
	"testing"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

// A session that the server makes for an attempt that was given up meanwhile is ended there, also when the agent ends:
// its validation isn't cancelled, and the end waits for it.
func TestSessionThatNobodyWantsIsEnded(t *testing.T) {
	for name, over := range map[string]input{"the card leaves": cardsSeen{}, "signed out": leaveNow{99}, "the agent ends": ends{}} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(Settings{}, WallClock{}.Now())
			m.attempt = &attempt{step: validating, op: m.operation(), card: "gone"}
			op := m.attempt.op
			for _, e := range m.step(m.now, over) {
				if c, ok := e.(cancel); ok && c.op == op {
					t.Error("the validation is cancelled")
				}
			}
			if !m.owing() {
				t.Error("nothing waits for the validation")
			}
			told := false
			for _, e := range m.step(m.now, validated{op, spine.Login{UID: "555000000101", Ticket: secret.New([]byte("AQIC5"))}, nil}) {
				l, ok := e.(logOut)
				told = told || ok
				if ok {
					m.step(m.now, loggedOut{l.op, nil})
				}
			}
			if !told || m.owing() || m.live != nil {
				t.Errorf("the server was told: %v; still owing: %v", told, m.owing())
			}
		})
	}
}
