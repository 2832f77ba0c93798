package stage_test

import (
	"syscall"
	"testing"
	"time"
)

// TestPartsThatStandStill stops one part after the other for ten seconds in the middle of a sign-in, as a computer does that
// is out of memory, and lets it go on: so does the sign-in, and nothing is lost.
func TestPartsThatStandStill(t *testing.T) {
	t.Parallel() // most of it is waiting
	const still = 10 * time.Second
	signal := func(pid int, pause bool) error {
		return syscall.Kill(pid, map[bool]syscall.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[pause])
	}
	for name, part := range map[string]func(f *faulty, pause bool) error{
		"pcscd":     func(f *faulty, pause bool) error { return f.Cards.PauseService(pause) },
		"the agent": func(f *faulty, pause bool) error { return signal(f.PID(), pause) },
		"the driver's process": func(f *faulty, pause bool) error {
			pid, err := f.Engine()
			if err != nil {
				return err
			}
			return signal(pid, pause)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, 0)
			for _, at := range []step{afterChallenge, duringSignature, duringValidate} {
				before := f.Card.Stats().Verifies
				err := f.through(at, func() {
					if err := part(f, true); err != nil {
						t.Error(err)
					}
					time.Sleep(still)
					if err := part(f, false); err != nil {
						t.Error(err)
					}
				})
				if err != nil {
					t.Errorf("%s: %v; the log:\n%s", at, err, f.Log())
				}
				if sent := f.Card.Stats().Verifies - before; sent != 1 {
					t.Errorf("%s: the card was given a passcode %d times", at, sent)
				}
				f.clean()
			}
		})
	}
}
