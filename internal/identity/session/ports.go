package session

import (
	"context"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

// Cards are the smartcards of this computer.
type Cards interface {
	// Watch tells seen what is in the readers, at once and after every change, until ctx ends. An error says that
	// cards can't be seen at present; Watch goes on trying.
	Watch(ctx context.Context, seen func([]card.Reader, error))
	// Sign makes one signature. The passcode stays the caller's, who wipes it.
	Sign(ctx context.Context, request card.SignRequest) ([]byte, error)
	// Holder says whom a card signs in, and by which certificate; an error says why nobody.
	Holder(c card.Card, now time.Time) (Holder, error)
}

// Holder is whom a card signs in.
type Holder struct {
	UID         string // 12 digits
	Certificate card.Certificate
	NotAfter    time.Time
}

// Spine is the server that sessions are made at. Calls end with their context. An error that says that the session no
// longer exists is, or wraps, ErrSessionEnded.
type Spine interface {
	Activate(ctx context.Context) (spine.Challenge, error)
	// Validate trades the signature over the challenge, by the certificate's key, for a login.
	Validate(ctx context.Context, challenge spine.Challenge, holder Holder, signature []byte) (spine.Login, error)
	SelectRole(ctx context.Context, login spine.Login, roleID string) error
	// Check says whether the session still exists.
	Check(ctx context.Context, login spine.Login) error
	Logout(ctx context.Context, login spine.Login) error
}

// Prompt is how a person is asked. Ask returns soon after ctx ended, with nothing on the screen any more. A person who
// declines gives ErrCancelled.
type Prompt interface {
	Ask(ctx context.Context, q Question) (Reply, error)
}

// Question is one thing that a person is asked.
type Question struct {
	Kind QuestionKind
	Text string // what is asked, in words
	// Error says why the same is asked again.
	Error string
	// Options are what a WhichCard or a Role chooses from.
	Options []string
	// TriesLeft, Min and Max are of the card that a Passcode is for.
	TriesLeft int
	Min, Max  int // bytes
}

// QuestionKind is what a Question is about.
type QuestionKind string

// The kinds of question.
const (
	AskWhichCard QuestionKind = "which card"
	AskLastTry   QuestionKind = "last try" // whether to risk it: after it the card would be locked
	AskPasscode  QuestionKind = "passcode"
	AskRole      QuestionKind = "role"
)

// Reply answers a Question.
type Reply struct {
	Choice   int          // of a WhichCard or a Role
	Yes      bool         // to a LastTry
	Passcode *secret.Text // the receiver's to wipe
}

// Clock tells the time and wakes. Wall time counts, not the time that the computer was awake.
type Clock interface {
	Now() time.Time
	// After sends once when d has passed, unless stop is called before.
	After(d time.Duration) (fired <-chan time.Time, stop func() bool)
}

// WallClock is the computer's.
type WallClock struct{}

// Now is the wall clock's time, without a monotonic reading: a deadline must count the hours of a suspended laptop.
func (WallClock) Now() time.Time { return time.Now().Round(0) }

// After is a timer's.
func (WallClock) After(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}
