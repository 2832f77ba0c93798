package script

import (
	"context"
	"errors"
	"time"
)

// A Stage is what a script is played on: a machine and the guest in it. Every method is done when it returns.
type Stage interface {
	// Awake returns when the guest can be asked. A [Skip] says that it never can.
	Awake(ctx context.Context) error
	// Ask asks the guest. The error is about the asking; what isn't so is an Answer that didn't pass.
	Ask(ctx context.Context, q Question) (Answer, error)

	Screen(ctx context.Context) (png []byte, err error)
	// Keep keeps a picture under a name, and returns the name of its file.
	Keep(ctx context.Context, png []byte, name string) (file string, err error)
	// Serial waits for a line of the serial port that holds these words; lines since the last power-on count.
	Serial(ctx context.Context, words string) (line string, err error)

	Type(ctx context.Context, text string) error
	Press(ctx context.Context, keys []string) error
	Move(ctx context.Context, x, y float64) error
	Click(ctx context.Context, button string, times int) error

	Plug(ctx context.Context, d Device) error
	Unplug(ctx context.Context, name string) error
	Insert(ctx context.Context, file string) error // "" takes the medium out
	SetNetwork(ctx context.Context, n Network, rate int64, delay time.Duration) error
	// Destinations are all that the guest has talked to since power-on.
	Destinations(ctx context.Context) ([]Destination, error)

	// Power does what one of the verbs about power says, and waits until the machine is as it should be then: off, or
	// running from its start.
	Power(ctx context.Context, verb string) error
}

// A Question is one thing that the guest is asked.
type Question struct {
	Kind   string // unit, port, file, process, run, open, boot, checks
	What   string // its name, path, number or command line
	Within time.Duration
	Absent bool // asks for the opposite
	Until  bool // a command is tried until it succeeds
	// AsUser has a command run as the desktop's user, in that user's session.
	AsUser  bool
	Program []string // to open, with its arguments
}

// An Answer is what came of it.
type Answer struct {
	Passed bool
	Output string
	Status int // of a command; -1 if it has none
}

// A Destination is something on the network that the guest has talked to.
type Destination struct {
	What  string // "https www.example.org (198.18.0.7:443)"
	Named bool   // by the medium's definition
}

// A Device is what can be plugged in.
type Device struct {
	Name string
	Kind string // as in the script: "usb stick"
	File string // what it holds, or
	Size int64  // how much it can hold
}

// A Skip is the error of a step that this guest can't be asked; that isn't the guest's failure.
type Skip struct{ Why string }

func (s *Skip) Error() string { return s.Why }

// skipped returns the reason if err says that a step can't be asked for.
func skipped(err error) (why string, ok bool) {
	var s *Skip
	if errors.As(err, &s) {
		return s.Why, true
	}
	return "", false
}
