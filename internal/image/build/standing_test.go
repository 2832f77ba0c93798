package build

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestStandingIsNotWhatAnotherBuildWroteSince(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	for _, name := range []string{"desk.lock", "SHA256SUMS"} {
		if err := os.WriteFile(filepath.Join(b.Out, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	note := func(key string) {
		t.Helper()
		text := fmt.Sprintf(`{"key": %q, "iso": %q, "lock": "desk.lock", "size": 3, "sha256": "%x"}`,
			key, b.plan.Medium.File, sha256.Sum256([]byte("abc")))
		if err := os.WriteFile(filepath.Join(b.Out, resultFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(b.Out, b.plan.Medium.File), []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	note(string(b.plan.Medium.Key))
	standing := Look(t.Context(), b.Out)
	note("another")
	if r := standing.current(b.plan, b.Options); r != nil {
		t.Errorf("the medium was replaced, and current = %+v", r)
	}
	note(string(b.plan.Medium.Key))
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r == nil {
		t.Error("the medium stands, and current = nil")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if r := Look(ctx, b.Out).current(b.plan, b.Options); r != nil {
		t.Errorf("it was interrupted, and current = %+v", r)
	}
}
