package cardtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/virtualcard"
)

// New starts a rig that ends with the test.
func New(t testing.TB) *Rig {
	t.Helper()
	rig, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rig.Close(); err != nil {
			t.Error(err)
		}
	})
	return rig
}

// MustInsert puts a card into a slot, or ends the test.
func (r *Rig) MustInsert(t testing.TB, slot int, card *virtualcard.Card) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Insert(ctx, slot, card); err != nil {
		t.Fatal(err)
	}
}

// Authority is an authority for the tests of one process; making one takes a while.
var Authority = sync.OnceValue(func() *virtualcard.Authority {
	authority, err := virtualcard.NewAuthority("Test CA of NHoS")
	if err != nil {
		panic(err)
	}
	return authority
})

// Issue makes a card of Authority, or ends the test.
func Issue(t testing.TB, spec virtualcard.CardSpec) *virtualcard.Card {
	t.Helper()
	card, err := Authority().Issue(spec)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// Environment is that of this process with the given entries on top.
func Environment(entries ...string) []string {
	return append(os.Environ(), entries...)
}

// WithEngine is a TestMain's: it builds nhos-identity-card from these sources, puts its path into engine, runs the tests, and gives
// the exit code.
func WithEngine(m *testing.M, engine *string) int {
	folder, err := os.MkdirTemp("", "engine-")
	if err == nil {
		defer os.RemoveAll(folder)
		*engine, err = BuildEngine(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// BuildEngine builds nhos-identity-card into a folder, and gives its path. For TestMain, or a demonstration from the
// sources.
func BuildEngine(folder string) (string, error) {
	path := filepath.Join(folder, "nhos-identity-card")
	build := exec.Command("go", "build", "-o", path, "nhos.org/nhos/cmd/nhos-identity-card")
	build.Env = Environment("CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building nhos-identity-card: %w\n%s", err, out)
	}
	return path, nil
}
