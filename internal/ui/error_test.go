package ui_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/ui"
)

// A placed error knows the line that it speaks of.
type placed struct{ message, excerpt string }

func (p placed) Error() string   { return p.message }
func (p placed) Excerpt() string { return p.excerpt }

func TestPrintError(t *testing.T) {
	printng := ui.Hint(placed{
		`images/desktop.yaml:14:5: unknown feature "printng"`,
		"    14 |   - printng\n       |     ^\n",
	}, `did you mean "printing"?`)
	colour := ui.Hint(placed{
		"images/desktop.yaml:20:1: unknown key \"colour\"",
		"    20 | colour: red\n       | ^",
	}, "known keys are base, features\nand settings")

	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nil": {nil, ""},
		"plain": {
			errors.New("reading the lock: no such file"),
			"nhos: error: reading the lock: no such file\n",
		},
		"excerpt and hint": {printng, `
nhos: error: images/desktop.yaml:14:5: unknown feature "printng"
    14 |   - printng
       |     ^
hint: did you mean "printing"?
`},
		"wrapped": {ui.Usage(fmt.Errorf("loading desktop: %w", printng)), `
nhos: error: loading desktop: images/desktop.yaml:14:5: unknown feature "printng"
    14 |   - printng
       |     ^
hint: did you mean "printing"?
`},
		"joined, wrapped, and a hint for all": {
			ui.Hint(fmt.Errorf("planning: %w", fmt.Errorf("loading desktop: %w",
				errors.Join(printng, errors.Join(colour, errors.New("no base"))))), "see docs/features.md"),
			`
nhos: error: planning: loading desktop: images/desktop.yaml:14:5: unknown feature "printng"
    14 |   - printng
       |     ^
hint: did you mean "printing"?
nhos: error: planning: loading desktop: images/desktop.yaml:20:1: unknown key "colour"
    20 | colour: red
       | ^
hint: known keys are base, features
      and settings
nhos: error: planning: loading desktop: no base
hint: see docs/features.md
`,
		},
		"two causes in one sentence": {
			fmt.Errorf("%w: %w", errors.New("locking the store"), ui.Hint(errors.New("held by another build"), "wait for it")),
			"nhos: error: locking the store: held by another build\nhint: wait for it\n",
		},
		"escape sequences are shown, not obeyed": {
			ui.Hint(errors.New("no package \"\x1b[2Jx\u202e\""), "\aremove it"),
			"nhos: error: no package \"\\x1b[2Jx\\u202e\"\nhint: \\aremove it\n",
		},
		"interrupted": {
			fmt.Errorf("building desktop: %w", context.Canceled),
			"nhos: interrupted\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			ui.PrintError(&b, "nhos", c.err)
			want := strings.TrimPrefix(c.want, "\n")
			if d := cmp.Diff(want, b.String()); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	failed := errors.New("failed")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithTimeout(t.Context(), 0)
	defer cancelLate()

	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing":                     {nil, 0},
		"a failure":                   {failed, 1},
		"a wrong call":                {ui.Usage(failed), 2},
		"a wrong call, wrapped":       {ui.Hint(fmt.Errorf("nhos: %w", ui.Usage(failed)), "try --help"), 2},
		"a wrong call that was none":  {ui.Usage(nil), 0},
		"a verdict":                   {fmt.Errorf("testing: %w", ui.Verdict(failed)), 3},
		"a verdict that was none":     {ui.Verdict(nil), 0},
		"a signal":                    {fmt.Errorf("building: %w", context.Canceled), 130},
		"a signal and what it caused": {ui.Interrupted(cancelled, errors.New("signal: killed")), 130},
		"a verdict that was cut off":  {ui.Verdict(fmt.Errorf("boot: %w", context.Canceled)), 130},
		"no signal":                   {ui.Interrupted(t.Context(), failed), 1},
		"a limit":                     {ui.Interrupted(late, failed), 1},
		"a signal after all was done": {ui.Interrupted(cancelled, nil), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ui.ExitCode(c.err); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}

func TestWrappersKeepTheError(t *testing.T) {
	cause := errors.New("cause")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"usage": ui.Usage(cause), "verdict": ui.Verdict(cause), "hint": ui.Hint(cause, "x"), "interrupted": ui.Interrupted(ctx, cause),
	} {
		if !errors.Is(err, cause) || err.Error() != "cause" {
			t.Errorf("%s: %v isn't its cause", name, err)
		}
	}
}
