package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/ticket"
)

// insertions measures from the card in the reader to the question for its passcode, and where that time goes.
func insertions(ctx context.Context, p *person, o Options) (Figures, error) {
	if o.Insertions == 0 {
		return nil, nil
	}
	fmt.Fprintf(o.Progress, "%d insertions\n", o.Insertions)
	if err := p.becomes(ctx, session.NoCard); err != nil {
		return nil, err
	}
	var all, rest, noticed, told, read, shown []time.Duration
	commands := 0
	for n := 1; n <= o.Insertions; n++ {
		began, before := time.Now(), p.stage.Card.Stats().Commands
		if err := p.stage.Cards.Insert(ctx, 0, p.stage.Card); err != nil {
			return nil, err
		}
		asked, err := p.asked(ctx, n)
		if err != nil {
			return nil, err
		}
		at := p.stage.Card.Stats()
		commands = at.Commands - before
		all, rest = append(all, asked.Sub(began)), append(rest, asked.Sub(at.Powered))
		if all[n-1] > time.Second {
			fmt.Fprintf(o.Progress, "insertion %d: pcscd looked after %s, the driver began %s later, read for %s, pinentry asked after %s\n",
				n, at.Powered.Sub(began), at.First.Sub(at.Powered), at.Last.Sub(at.First), asked.Sub(at.Last))
		}
		noticed = append(noticed, at.Powered.Sub(began))
		told = append(told, at.First.Sub(at.Powered))
		read = append(read, at.Last.Sub(at.First))
		shown = append(shown, asked.Sub(at.Last))
		if err := p.out(ctx); err != nil {
			return nil, err
		}
	}
	ms := func(figure string, d time.Duration) Row {
		return Row{Figure: figure, Value: milliseconds(d), Unit: "ms"}
	}
	rows := Figures{
		{Figure: fmt.Sprintf("insert to prompt, median of %d", o.Insertions), Value: milliseconds(quantile(all, .5)), Unit: "ms", Most: 300, Limited: true},
		ms("of it: pcscd looks at its reader (median)", quantile(noticed, .5)),
		ms("of it: everything after that (median)", quantile(rest, .5)),
		ms("of it: until the driver speaks to the card (median)", quantile(told, .5)),
		ms(fmt.Sprintf("of it: the driver reads the card, %d commands (median)", commands), quantile(read, .5)),
		ms("of it: until pinentry asks (median)", quantile(shown, .5)),
		ms("insert to prompt, slowest", quantile(all, 1)),
	}
	return rows, nil
}

// rounds is in how many parts many callers ask: on a busy machine one may be left alone.
const rounds = 5

// pause is what programs do between two tickets, where they don't ask as fast as they can.
const pause = 50 * time.Millisecond

// tickets measures how long programs wait for the ticket while somebody is signed in.
func tickets(ctx context.Context, p *person, o Options) (f Figures, err error) {
	if o.Calls == 0 {
		return nil, nil
	}
	fmt.Fprintf(o.Progress, "%d tickets for one caller, and for %d\n", o.Calls, o.Callers)
	if err := p.in(ctx); err != nil {
		return nil, err
	}
	if err := p.signIn(ctx); err != nil {
		return nil, err
	}
	alone, err := p.ask(ctx, 1, o.Calls, false)
	if err != nil {
		return nil, err
	}
	fresh, err := p.ask(ctx, 1, min(o.Calls, 500), true)
	if err != nil {
		return nil, err
	}
	one, err := p.ask(ctx, o.Callers, o.Calls, false)
	if err != nil {
		return nil, err
	}
	programs, err := newCallers(ctx, p.stage, o.Callers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, programs.close()) }()
	ran, waited := scheduled(p.stage.PID())
	var crowd, quietest []time.Duration
	for range rounds {
		round, err := programs.round(o.Calls/rounds, 0)
		if err != nil {
			return nil, err
		}
		crowd = append(crowd, round...)
		if quietest == nil || quantile(round, .99) < quantile(quietest, .99) {
			quietest = round
		}
	}
	ranAfter, waitedAfter := scheduled(p.stage.PID())
	calm, err := programs.round(o.Calls, pause)
	if err != nil {
		return nil, err
	}
	each := func(figure string, d time.Duration) Row {
		return Row{Figure: figure, Value: float64(d.Nanoseconds()) / 1000 / float64(len(crowd)), Unit: "µs"}
	}
	ms := func(figure string, d time.Duration, most float64) Row {
		return Row{Figure: figure, Value: milliseconds(d), Unit: "ms", Most: most, Below: true, Limited: most > 0}
	}
	return Figures{
		ms("ticket for one program, median", quantile(alone, .5), 1),
		ms("ticket for one program, p99", quantile(alone, .99), 0),
		ms("the same with a connection for each, median", quantile(fresh, .5), 1),
		ms(fmt.Sprintf("ticket for %d programs that ask 20 times a second, median", o.Callers), quantile(calm, .5), 1),
		ms(fmt.Sprintf("ticket for %d programs that ask 20 times a second, p99", o.Callers), quantile(calm, .99), 5),
		ms(fmt.Sprintf("ticket for %d programs that ask without a pause, median", o.Callers), quantile(crowd, .5), 0),
		ms(fmt.Sprintf("ticket for %d programs that ask without a pause, p99", o.Callers), quantile(crowd, .99), 5),
		ms(fmt.Sprintf("p99 of the quietest of %d rounds of these", rounds), quantile(quietest, .99), 0),
		each("the agent's processor time for one of these", ranAfter-ran),
		each("the agent's wait for a processor that was taken, for one of these", waitedAfter-waited),
		ms(fmt.Sprintf("ticket for one program that asks by %d connections at once, median", o.Callers), quantile(one, .5), 0),
		ms(fmt.Sprintf("ticket for one program that asks by %d connections at once, p99", o.Callers), quantile(one, .99), 5),
	}, p.out(ctx)
}

// ask has so many callers make calls, together as many as calls; each on one connection, or on one for each call.
func (p *person) ask(ctx context.Context, callers, calls int, fresh bool) ([]time.Duration, error) {
	clients := make([]*ticket.Client, callers)
	for i := range clients {
		c, err := dial(ctx, p.stage)
		if err != nil {
			return nil, err
		}
		defer func() { _ = c.Close() }()
		clients[i] = c
	}
	took, failures := make([][]time.Duration, callers), make([]error, callers)
	var wait sync.WaitGroup
	for i, c := range clients {
		wait.Go(func() {
			for range calls / callers {
				began := time.Now()
				if fresh {
					if c, failures[i] = dial(ctx, p.stage); failures[i] != nil {
						return
					}
				}
				a, err := c.Call(ctx, ticket.Request{Method: ticket.GetTicket})
				took[i] = append(took[i], time.Since(began))
				a.Ticket.Wipe()
				if fresh {
					_ = c.Close()
				}
				if failures[i] = err; err != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	var all []time.Duration
	for i := range took {
		if failures[i] != nil {
			return nil, fmt.Errorf("asking for the ticket: %w", failures[i])
		}
		all = append(all, took[i]...)
	}
	return all, nil
}

// in puts the card in, and waits until the agent knows it and nobody is being asked any more.
func (p *person) in(ctx context.Context) error {
	if err := p.stage.Cards.Insert(ctx, 0, p.stage.Card); err != nil {
		return err
	}
	return p.becomes(ctx, session.CardPresent)
}

// realCycles inserts, signs in and pulls with real parts, and looks at what the agent's processes take.
func realCycles(ctx context.Context, p *person, o Options) (Figures, error) {
	if o.RealCycles == 0 {
		return nil, nil
	}
	fmt.Fprintf(o.Progress, "%d cycles with pcscd and OpenSC\n", o.RealCycles)
	g := growth{}
	for n := range o.RealCycles {
		if err := p.in(ctx); err != nil {
			return nil, err
		}
		if err := p.signIn(ctx); err != nil {
			return nil, err
		}
		if err := p.out(ctx); err != nil {
			return nil, err
		}
		if err := g.sampleAt(n+1, o.RealCycles, func() (sample, error) { return look(p.stage.PID()) }); err != nil {
			return nil, err
		}
	}
	rows := g.rows(fmt.Sprintf("%d cycles, pcscd and OpenSC: ", o.RealCycles))
	engine, err := child(p.stage.PID())
	if err != nil {
		return nil, err
	}
	card, err := look(engine)
	if err != nil {
		return nil, err
	}
	return append(rows,
		Row{Figure: "nhos-identityd, most that was resident", Value: float64(g.last.PeakKiB) / 1024, Unit: "MiB", Most: 40, Limited: true},
		Row{Figure: "nhos-identity-card with OpenSC, most that was resident", Value: float64(card.PeakKiB) / 1024, Unit: "MiB"},
	), nil
}
