// Package session is the one state machine of the Identity Agent: from a card in the reader to a Spine session, and
// back to nothing when the card leaves.
//
// Machine and world are apart. The machine (machine.go and the files that name its parts) is a plain value: it is told
// what happened and at what time, and gives back what is to be done. It starts no goroutine, reads no clock and waits
// for nothing, so that a test drives it through any order of events. An Agent owns one machine in one goroutine, does
// what the machine says, and tells it what came of it.
//
// What always holds:
//   - a ticket is given out in the state SignedIn alone;
//   - where removal of the card ends the session, the ticket is wiped in the moment of the removal; telling the server
//     comes after and may take its time;
//   - one prompt at most is open, whoever asks and however many;
//   - no event, status or error holds a passcode or a ticket.
package session

import (
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/spine"
)

// State is where the machine stands.
type State string

// The states.
const (
	NoReader       State = "no reader"
	NoCard         State = "no card"
	CardPresent    State = "card present"    // and nobody is being asked for anything
	PasscodeNeeded State = "passcode needed" // a prompt is open, or is about to be
	Authenticating State = "authenticating"
	RoleNeeded     State = "role needed" // signed in, but the person has several roles and has chosen none
	SignedIn       State = "signed in"
	Locked         State = "locked"      // the session lives, and its ticket is given to nobody until the passcode is typed
	SigningOut     State = "signing out" // the ticket is gone; the server is being told
	Fault          State = "fault"       // cards can't be seen: the service or the driver fails
)

// Event is one transition, or a notice that is worth telling without one (then From and To are the same). It holds
// nothing secret.
type Event struct {
	Number uint64      `json:"number"` // counts up by one; a gap says that a slow subscriber missed some
	Time   time.Time   `json:"time"`
	From   State       `json:"from"`
	To     State       `json:"to"`
	Reason string      `json:"reason,omitempty"` // why, in words for a person
	UID    string      `json:"uid,omitempty"`
	Role   *spine.Role `json:"role,omitempty"`
}

// Status is what the agent knows at one moment. It holds nothing secret.
type Status struct {
	State   State     `json:"state"`
	Since   time.Time `json:"since"`
	Mode    Mode      `json:"mode"`
	Problem string    `json:"problem,omitempty"` // why the last attempt failed, or why cards can't be seen

	UID   string       `json:"uid,omitempty"`
	Name  string       `json:"name,omitempty"`
	Role  *spine.Role  `json:"role,omitempty"`
	Roles []spine.Role `json:"roles,omitempty"`
	// Ends is when the session ends whatever happens; zero where nothing limits it.
	Ends time.Time `json:"ends,omitzero"`

	Readers []Reader `json:"readers"`
}

// Reader is a reader with what its card is good for.
type Reader struct {
	Name string `json:"name"`
	Card *Card  `json:"card,omitempty"`
}

// Card is a card with its holder, or with why it signs nobody in.
type Card struct {
	ID        card.ID   `json:"id"`
	Label     string    `json:"label"`
	TriesLeft int       `json:"triesLeft"`
	UID       string    `json:"uid,omitempty"`
	NotAfter  time.Time `json:"notAfter,omitzero"` // end of the certificate that signs in
	Notice    string    `json:"notice,omitempty"`  // that it ends soon
	Problem   string    `json:"problem,omitempty"`
}

// Settings are what policy decides about sessions. The zero value is the Windows agent's: normal mode, no timers but
// the server's own.
type Settings struct {
	Mode Mode
	// Digest is what the Spine's challenges are signed with; empty is SHA-1, which CIS1 takes.
	Digest card.Digest
	// NoPromptOnInsert leaves a card alone until a program or a person asks.
	NoPromptOnInsert bool
	// Idle locks a session that nobody used for so long; 0 never.
	Idle time.Duration
	// Reauthenticate locks a session in mobility mode so long after the passcode was last typed; 0 never.
	Reauthenticate time.Duration
	// Grace keeps a session locked, instead of ending it, for so long after its card was removed in normal and
	// enhanced mode; 0 ends it at once.
	Grace time.Duration
	// UsePad has the passcode typed at a reader that says it has keys; without it, such a reader is like any other.
	UsePad bool
	// CheckAfter asks the server whether a session is still alive before its ticket is given out, where it was last
	// known to be so long ago; 0 is DefaultCheckAfter.
	CheckAfter time.Duration
	// LogoutFor is how long a logout that fails is tried again; 0 is DefaultLogoutFor.
	LogoutFor time.Duration
}

// Times that Settings leave open.
const (
	DefaultCheckAfter = time.Minute
	DefaultLogoutFor  = 10 * time.Minute
	// driverPatience is how long a session outlives a card service that fails, before its card counts as removed.
	driverPatience = 10 * time.Second
	// logoutPause is the wait before a logout is tried for the second time; it doubles up to logoutPauseMax.
	logoutPause    = 2 * time.Second
	logoutPauseMax = time.Minute
)
