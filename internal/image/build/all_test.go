package build

import (
	"bytes"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/parcel"
	"nhos.org/nhos/internal/image/store"
)

// TestAnOldLockNeedsNoMirror carries the packages of a lock to an empty store, when the archive has none of them any
// more.
func TestAnOldLockNeedsNoMirror(t *testing.T) {
	t.Parallel()
	b, a, _ := newBuilding(t, packages, desk)
	if err := Fetch(t.Context(), b.plan.Image, b.plan.Lock, b.Options); err != nil {
		t.Fatal(printed(err))
	}
	var archive bytes.Buffer
	if _, err := parcel.Pack(t.Context(), &archive, b.Store, b.plan.Lock, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	a.Break("", archivetest.Missing, archivetest.Always)
	asked := a.Requests("")

	elsewhere, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.Store = elsewhere
	if err := b.fetch(t.Context()); err == nil {
		t.Fatal("an empty store was enough")
	}
	b.Mirrors = nil
	if err := b.fetch(t.Context()); !strings.Contains(printed(err), "nhos store import") {
		t.Errorf("without a mirror: %s", printed(err))
	}
	asked = a.Requests("") - asked
	if _, _, err := parcel.Unpack(t.Context(), &archive, elsewhere, func(int64) {}); err != nil {
		t.Fatal(printed(err))
	}
	for name, mirrors := range map[string]lock.Mirrors{"a mirror that has moved on": {"main": a.Mirror(), "security": a.Mirror()}, "none": nil} {
		b.Mirrors = mirrors
		before := a.Requests("")
		if err := b.fetch(t.Context()); err != nil {
			t.Errorf("with %s: %s", name, printed(err))
		}
		if n := a.Requests("") - before; n != 0 {
			t.Errorf("with %s: it asked the network %d times", name, n)
		}
	}
	if asked == 0 {
		t.Error("the archive wasn't asked at all: nothing is proved")
	}
}

// TestFetchBringsAllPackages fetches also those of layers that are made already.
func TestFetchBringsAllPackages(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	for _, l := range b.plan.Layers {
		if err := b.Store.Record(l.Key, store.Action{Name: l.Name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := Fetch(t.Context(), b.plan.Image, b.plan.Lock, b.Options); err != nil {
		t.Fatal(printed(err))
	}
	for _, name := range []string{"kernel", "shim", "tea", "milk"} {
		if !has(b, name) {
			t.Errorf("%s isn't in the store", name)
		}
	}
}
