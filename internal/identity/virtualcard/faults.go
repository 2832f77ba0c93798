package virtualcard

import (
	"context"
	"errors"
	"time"
)

// errPulled is how a card tells its door that it leaves the reader now, before its answer.
var errPulled = errors.New("the virtual card was pulled")

// Moment is when something happens to a card.
type Moment int

// The moments at which a card may be pulled.
const (
	Never           Moment = iota
	BeforeSignature        // the command for a signature has arrived whole; it isn't answered
	AfterSignature         // the signature is made; its first answer isn't sent
	AfterVerify            // the passcode was checked (and counted); it isn't answered
	BeforeVerify           // the passcode has arrived; it isn't checked (for Hold alone)
)

// Faults is what goes wrong with a card. The zero value is a good card.
type Faults struct {
	Pull Moment // the door pulls the card at this moment, and nobody pushes it back

	Delay     time.Duration // before every answer
	SignDelay time.Duration // before the answer that has the signature, on top of Delay
	Silent    bool          // a signature is never answered, until the card is pulled

	SignStatus   uint16 // answered instead of a signature, for example 0x6F00
	BadSignature bool   // the signature has a flipped bit

	// Hold is called before the card checks a passcode (BeforeVerify) or signs (BeforeSignature): the reader waits until
	// it returns. ctx ends when the card leaves the reader.
	Hold func(ctx context.Context, m Moment)

	T0          bool // it speaks T=0 alone, and its answer to reset says so; for a card that isn't in a reader yet
	StrictT0    bool // every answer waits for GET RESPONSE, as with a real T=0 card
	Chunk       int  // bytes in one answer; 0 is 256
	CountOf61FF bool // says 61 FF where more than 255 bytes wait, which OpenSC takes for a count
}
