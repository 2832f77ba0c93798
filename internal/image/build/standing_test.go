package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestDigesting(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	d := newDigesting(&written)
	defer d.close()
	var all []byte
	piece := make([]byte, 1<<16) // used again for each piece, as a copy does
	for range 50 {
		part := piece[:rand.IntN(len(piece))]
		for i := range part {
			part[i] = byte(rand.Uint32())
		}
		all = append(all, part...)
		if n, err := d.Write(part); n != len(part) || err != nil {
			t.Fatalf("wrote %d of %d, error %v", n, len(part), err)
		}
	}
	if !bytes.Equal(written.Bytes(), all) {
		t.Error("other bytes were written")
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(all)); d.sum() != want {
		t.Errorf("digest %s, want %s", d.sum(), want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestDigestingTellsThatItCannotWrite(t *testing.T) {
	t.Parallel()
	d := newDigesting(full{})
	defer d.close()
	if _, err := d.Write([]byte("abc")); err == nil {
		t.Error("no error")
	}
}

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
