package session

import (
	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

// An effect is something that the machine wants done. Secrets in it belong to whoever does it, who wipes them.
type effect interface{ effect() }

type (
	openPrompt struct {
		id uint64
		q  Question
	}
	closePrompt struct{ id uint64 } // its promptDone comes all the same
	activate    struct{ op uint64 }
	sign        struct {
		op      uint64
		request card.SignRequest
	}
	validate struct {
		op        uint64
		challenge spine.Challenge
		holder    Holder
		signature []byte
	}
	selectRole struct {
		op    uint64
		login spine.Login
		role  string
	}
	check struct {
		op    uint64
		login spine.Login
	}
	logOut struct {
		op    uint64
		login spine.Login
	}
	cancel  struct{ op uint64 } // its result comes all the same, and means nothing any more
	publish struct{ event Event }
	answer  struct {
		ask    uint64
		ticket *secret.Text // nil where none was asked for
		err    error
	}
)

func (openPrompt) effect()  {}
func (closePrompt) effect() {}
func (activate) effect()    {}
func (sign) effect()        {}
func (validate) effect()    {}
func (selectRole) effect()  {}
func (check) effect()       {}
func (logOut) effect()      {}
func (cancel) effect()      {}
func (publish) effect()     {}
func (answer) effect()      {}

// lend is a login for one effect, with a ticket of its own to wipe.
func lend(l spine.Login) spine.Login {
	l.Ticket = l.Ticket.Copy()
	return l
}
