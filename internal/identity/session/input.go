package session

import (
	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/spine"
)

// An input is something that happened.
type input interface{ tell(m *machine) }

// What the world reports.
type (
	cardsSeen     struct{ readers []card.Reader }
	cardsFailed   struct{ err error }
	screenLocks   struct{}
	screenUnlocks struct{}
	sleeps        struct{}
	wakes         struct{}
	timePasses    struct{} // a deadline may be over
	ends          struct{} // the agent stops
)

// What programs and people ask for. Each ask is answered once, by an answer with its number.
type (
	asked   struct{ ask *ask }
	askGone struct{ id uint64 } // nobody waits for the answer any more
	choose  struct {
		id   uint64
		role string
	}
	lockNow  struct{ id uint64 }
	leaveNow struct{ id uint64 }
)

// What came of effects, by the number of the operation.
type (
	promptDone struct {
		id    uint64
		reply Reply
		err   error
	}
	activated struct {
		op        uint64
		challenge spine.Challenge
		err       error
	}
	signed struct {
		op        uint64
		signature []byte
		err       error
	}
	validated struct {
		op    uint64
		login spine.Login
		err   error
	}
	roleSelected struct {
		op  uint64
		err error
	}
	checked struct {
		op  uint64
		err error
	}
	loggedOut struct {
		op  uint64
		err error
	}
)
