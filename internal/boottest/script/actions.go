package script

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a network that is slow without further words does: a bad line of a mobile network.
const (
	SlowRate  = 64 << 10 // bytes a second
	SlowDelay = 300 * time.Millisecond
)

func wait(kind string) action {
	return func(ctx context.Context, p *Player, s Step) (string, error) {
		return p.ask(ctx, Question{Kind: kind, What: s.Value, Within: p.limit(s)})
	}
}

func waitForNo(kind string) action {
	return func(ctx context.Context, p *Player, s Step) (string, error) {
		return p.ask(ctx, Question{Kind: kind, What: s.Value, Within: p.limit(s), Absent: true})
	}
}

func waitForCommand(ctx context.Context, p *Player, s Step) (string, error) {
	return p.ask(ctx, Question{Kind: "run", What: s.Value, AsUser: s.As == asUser, Within: p.limit(s), Until: true})
}

func waitForBoot(ctx context.Context, p *Player, s Step) (string, error) {
	return p.ask(ctx, Question{Kind: "boot", Within: p.limit(s)})
}

func runChecks(ctx context.Context, p *Player, s Step) (string, error) {
	return p.ask(ctx, Question{Kind: "checks", Within: p.limit(s)})
}

// ask asks the guest for something that must be so.
func (p *Player) ask(ctx context.Context, q Question) (string, error) {
	a, err := p.Stage.Ask(ctx, q)
	if err == nil && !a.Passed {
		return "", errors.New(cmp.Or(a.Output, "it isn't so"))
	}
	return a.Output, err
}

func open(ctx context.Context, p *Player, s Step) (string, error) {
	return p.ask(ctx, Question{Kind: "open", What: strings.Join(s.Program, " "), Program: s.Program, Within: p.limit(s)})
}

// anyStatus is the status of a command that may fail.
const anyStatus = -1

func run(ctx context.Context, p *Player, s Step) (string, error) {
	a, err := p.Stage.Ask(ctx, Question{Kind: "run", What: s.Value, AsUser: s.As == asUser, Within: p.limit(s)})
	switch {
	case err != nil:
	case a.Status < 0:
		return "", errors.New(a.Output)
	case a.Status != s.Status && s.Status != anyStatus:
		err = fmt.Errorf("exit status %d, not %d", a.Status, s.Status)
	case !strings.Contains(a.Output, s.Expect):
		err = fmt.Errorf("it doesn't say %s", short(s.Expect))
	}
	return a.Output, err
}

func waitForSerial(ctx context.Context, p *Player, s Step) (string, error) {
	return p.Stage.Serial(ctx, s.Value)
}

func typeText(ctx context.Context, p *Player, s Step) (string, error) {
	return "", p.Stage.Type(ctx, s.Value)
}

func pressKeys(ctx context.Context, p *Player, s Step) (string, error) {
	for _, keys := range s.Keys {
		if err := p.Stage.Press(ctx, keys); err != nil {
			return "", err
		}
	}
	return "", nil
}

func moveTo(ctx context.Context, p *Player, s Step) (string, error) {
	x, y, said, err := p.place(ctx, s.Place)
	if err != nil {
		return said, err
	}
	return "", p.Stage.Move(ctx, x, y)
}

func click(button string, times int) action {
	return func(ctx context.Context, p *Player, s Step) (string, error) {
		if said, err := moveTo(ctx, p, s); err != nil {
			return said, err
		}
		return "", p.Stage.Click(ctx, button, times)
	}
}

func plug(ctx context.Context, p *Player, s Step) (string, error) {
	return "", p.Stage.Plug(ctx, Device{Name: s.Name, Kind: s.Value, File: s.File, Size: s.Size})
}

func unplug(ctx context.Context, p *Player, s Step) (string, error) {
	return "", p.Stage.Unplug(ctx, s.Value)
}

func insert(ctx context.Context, p *Player, s Step) (string, error) {
	return "", p.Stage.Insert(ctx, s.Value)
}

func eject(ctx context.Context, p *Player, _ Step) (string, error) {
	return "", p.Stage.Insert(ctx, "")
}

func network(ctx context.Context, p *Player, s Step) (string, error) {
	rate, delay := s.Rate, s.Delay
	if Network(s.Value) == NetworkSlow && rate == 0 && delay == 0 {
		rate, delay = SlowRate, SlowDelay
	}
	return "", p.Stage.SetNetwork(ctx, Network(s.Value), rate, delay)
}

func listen(ctx context.Context, _ *Player, s Step) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(s.Still):
		return "", nil
	}
}

func expectNamed(ctx context.Context, p *Player, _ Step) (string, error) {
	all, err := p.Stage.Destinations(ctx)
	if err != nil {
		return "", err
	}
	var named, unnamed []string
	for _, d := range all {
		if d.Named {
			named = append(named, d.What)
		} else {
			unnamed = append(unnamed, d.What)
		}
	}
	said := "named: " + cmp.Or(strings.Join(named, ", "), "none")
	if len(unnamed) > 0 {
		return said, fmt.Errorf("the definition doesn't name %s", strings.Join(unnamed, ", "))
	}
	return said, nil
}

func power(ctx context.Context, p *Player, s Step) (string, error) {
	return "", p.Stage.Power(ctx, s.Verb)
}

func screenshot(ctx context.Context, p *Player, s Step) (string, error) {
	png, err := p.Stage.Screen(ctx)
	if err != nil {
		return "", err
	}
	return p.Stage.Keep(ctx, png, s.Value)
}
