package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// ErrNoTerminal says that there is nobody to ask.
var ErrNoTerminal = errors.New("there is no terminal to ask at")

// Ask puts question to the person at the terminal in, on out, and returns the line that is typed, or ctx's error if they
// interrupt instead. Where in is no terminal it is [ErrNoTerminal]: what a pipe happens to hold is no answer.
func Ask(ctx context.Context, in *os.File, out io.Writer, question string) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		return "", ErrNoTerminal
	}
	fmt.Fprint(out, question)
	type reply struct {
		line string
		err  error
	}
	typed := make(chan reply, 1)
	go func() { // a signal doesn't end a read
		line, err := bufio.NewReader(in).ReadString('\n')
		typed <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out)
		return "", ctx.Err()
	case r := <-typed:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", fmt.Errorf("reading the answer: %w", r.err)
		}
		return r.line, nil
	}
}
