package ui_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/ui"
)

// Who interrupts instead of answering isn't kept waiting for their own Enter.
func TestAskInterrupted(t *testing.T) {
	terminal, _ := openTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	var out strings.Builder
	answer, err := ui.Ask(ctx, terminal, &out, "Type 7: ")
	if !errors.Is(err, context.Canceled) || answer != "" || out.String() != "Type 7: \n" {
		t.Errorf("%q, %v after %q", answer, err, out.String())
	}
}

// What a pipe holds is no answer.
func TestAskNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("7\n"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := ui.Ask(t.Context(), r, &out, "Type 7: "); !errors.Is(err, ui.ErrNoTerminal) || out.Len() > 0 {
		t.Errorf("%v after %q", err, out.String())
	}
}
