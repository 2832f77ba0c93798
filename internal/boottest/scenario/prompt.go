package scenario

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/ui"
)

// A Console is where a person types and reads. It serves one run after the other.
type Console struct {
	In  io.Reader
	Out io.Writer

	begin sync.Once
	lines chan string
}

// read asks for a line; more is false at the end of the input.
func (c *Console) read(ctx context.Context, invitation string) (line string, more bool) {
	c.begin.Do(func() {
		c.lines = make(chan string)
		go func() { // nothing ends a read, so it has a goroutine of its own
			defer close(c.lines)
			for in := bufio.NewScanner(c.In); in.Scan(); {
				c.lines <- strings.TrimSpace(in.Text())
			}
		}()
	})
	c.say("%s", invitation)
	select {
	case line, more = <-c.lines:
		return line, more
	case <-ctx.Done():
		return "", false
	}
}

// say writes to the person; that nobody reads it is no failure of the test.
func (c *Console) say(format string, args ...any) { _, _ = fmt.Fprintf(c.Out, format, args...) }

// A prompt takes steps from a person, one a line, while the machine stays up.
type prompt struct {
	*Console
	player *script.Player
	dir    string // that files are named from
	screen string // address of the VNC server
}

const promptHelp = `Each line is a step as in a scenario (docs/scenarios.md), for example
  wait for text: login
  keys: ctrl-alt-f2
  {run: systemctl status, within: 2m}
Besides: shell (lines go to the guest's /bin/sh, each to one of its own), help, quit
`

// ask takes steps until the person quits or the input ends.
func (p prompt) ask(ctx context.Context, passed bool) {
	state := "a step failed"
	if passed {
		state = "all steps are done"
	}
	p.say("%s; the machine stays up, with its screen at %s (VNC)\nType a step, shell, help or quit.\n", state, p.screen)
	for {
		line, more := p.read(ctx, "nhos> ")
		switch {
		case !more, line == "quit", line == "exit":
			return
		case line == "":
		case line == "help":
			p.say(promptHelp)
		case line == "shell":
			p.shell(ctx)
		default:
			p.step(ctx, line)
		}
	}
}

func (p prompt) step(ctx context.Context, line string) {
	s, err := script.Line(line, p.dir)
	if err != nil {
		ui.PrintError(p.Out, "nhos", err)
		return
	}
	begin := time.Now()
	o := p.player.Do(ctx, s)
	switch {
	case o.Skipped != "":
		p.say("skipped: %s\n", o.Skipped)
		return
	case o.Passed:
		p.say("passed in %s\n", ui.Duration(time.Since(begin)))
	default:
		p.say("failed after %s\n", ui.Duration(time.Since(begin)))
	}
	p.tell(o.Output + o.Picture)
}

// shell sends lines to the guest until one of them is exit.
func (p prompt) shell(ctx context.Context) {
	for {
		line, more := p.read(ctx, "guest# ")
		if !more || line == "exit" || line == "quit" {
			return
		}
		if line == "" {
			continue
		}
		o := p.player.Do(ctx, script.Command(line))
		p.tell(o.Output + o.Skipped)
	}
}

func (p prompt) tell(text string) {
	if text != "" {
		p.say("%s\n", ui.Printable(text))
	}
}
