package virtualcard

import (
	"context"
	"time"
)

// Answer is the card's answer to one command APDU: data and status word. It blocks as long as the card is slow, and
// on a silent card until ctx ends. errPulled says that the card left the reader instead of answering.
func (c *Card) Answer(ctx context.Context, apdu []byte) ([]byte, error) {
	return c.answer(ctx, apdu, false)
}

// answer is Answer, strictly after T=0 where the reader speaks that.
func (c *Card) answer(ctx context.Context, apdu []byte, strictT0 bool) ([]byte, error) {
	c.hold(ctx, apdu)
	c.mu.Lock()
	c.stats.Commands++
	c.stats.Last = time.Now()
	if c.stats.First.IsZero() {
		c.stats.First = c.stats.Last
	}
	before := c.stats
	answer, err := c.process(apdu, strictT0 || c.faults.StrictT0 || c.faults.T0)
	signed := c.stats.Signatures > before.Signatures
	verified := c.stats.Verifies > before.Verifies
	faults := c.faults
	c.mu.Unlock()

	if err != nil {
		return nil, err
	}
	if signed && faults.Silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	delay := faults.Delay
	if signed {
		delay += faults.SignDelay
	}
	if delay > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
	}
	if (signed && faults.Pull == AfterSignature) || (verified && faults.Pull == AfterVerify) {
		return nil, errPulled
	}
	return answer, nil
}

// hold waits where a fault says so. Of a chain of commands the last one counts.
func (c *Card) hold(ctx context.Context, apdu []byte) {
	c.mu.Lock()
	wait := c.faults.Hold
	c.mu.Unlock()
	cmd, ok := parseCommand(apdu)
	switch {
	case wait == nil || !ok || cmd.class == classChained:
	case cmd.ins == insVerify && len(cmd.data) > 0:
		wait(ctx, BeforeVerify)
	case cmd.ins == insAuthenticate:
		wait(ctx, BeforeSignature)
	}
}

// process runs one command and cuts what it gives into what fits one answer.
func (c *Card) process(apdu []byte, strictT0 bool) ([]byte, error) {
	cmd, ok := parseCommand(apdu)
	if !ok || c.faults.T0 && !fitsT0(apdu) {
		return status(statusLength), nil
	}
	if cmd.ins == insGetResponse {
		return c.getResponse(cmd), nil
	}
	c.state.pending = nil
	if cmd.class&^classChained != 0 {
		return status(statusNoClass), nil
	}
	cmd, last, sw := c.unchain(cmd)
	if !last {
		return status(sw), nil
	}
	data, sw, err := c.run(cmd)
	if err != nil {
		return nil, err
	}
	if sw != statusOK || len(data) == 0 {
		return status(sw), nil
	}
	c.state.pending = data
	if strictT0 {
		return status(c.more()), nil
	}
	return c.take(cmd.expected), nil
}

// unchain collects the commands of a chain. Only the last one is run, with the data of all.
func (c *Card) unchain(cmd command) (whole command, last bool, sw int) {
	first := c.state.chained
	if first != nil && (cmd.ins != first.ins || cmd.p1 != first.p1 || cmd.p2 != first.p2) {
		c.state.chain, c.state.chained, first = nil, nil, nil
	}
	if len(c.state.chain)+len(cmd.data) > maxCommand {
		c.state.chain, c.state.chained = nil, nil
		return command{}, false, statusLength
	}
	if cmd.class == classChained {
		if first == nil {
			c.state.chained = &command{ins: cmd.ins, p1: cmd.p1, p2: cmd.p2}
		}
		c.state.chain = append(c.state.chain, cmd.data...)
		return command{}, false, statusOK
	}
	if first != nil {
		cmd.data = append(c.state.chain, cmd.data...)
		c.state.chain, c.state.chained = nil, nil
	}
	return cmd, true, statusOK
}

// getResponse hands out the next part of an answer.
func (c *Card) getResponse(cmd command) []byte {
	if len(c.state.pending) == 0 {
		return status(statusConditions)
	}
	return c.take(cmd.expected)
}

// take cuts the next part, of at most expected bytes, from the pending answer.
func (c *Card) take(expected int) []byte {
	n := min(orWhenZero(expected, 256), orWhenZero(c.faults.Chunk, 256), len(c.state.pending))
	part := append([]byte(nil), c.state.pending[:n]...)
	c.state.pending = c.state.pending[n:]
	if len(c.state.pending) == 0 {
		return append(part, status(statusOK)...)
	}
	return append(part, status(c.more())...)
}

// more is the status word that says how much of an answer waits: exactly below 256 bytes, else 61 00.
func (c *Card) more() int {
	waiting := len(c.state.pending)
	switch {
	case waiting < 256:
		return statusMore | waiting
	case c.faults.CountOf61FF:
		return statusMore | 0xFF
	}
	return statusMore
}
