package build

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/layertest"
	"nhos.org/nhos/internal/image/store"
)

// growing is an image whose layer has a file of 16 MiB, written by this script.
func growing(script string) string {
	return `
-- images/desk.yaml --
description: A desk
base: test
product: The Desk
features: [big]
packages:
  add: [tea, milk]
-- features/big/feature.yaml --
description: Much
-- features/big/scripts/grow --
#!/bin/sh
set -e
` + script + "\n"
}

const megabytes = 1 << 20

func newLog(t *testing.T) *os.File {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// TestALayerThatOutgrowsTheMemory is made on the disk, to the byte as if it had never been tried in memory.
func TestALayerThatOutgrowsTheMemory(t *testing.T) {
	for name, script := range map[string]string{
		"a step that leaves the memory full": "dd if=/dev/zero of=/big bs=1M count=16 2>/dev/null",
		"a step that tidies up":              "dd if=/dev/zero of=/big bs=1M count=16 || { rm /big; exit 1; }",
	} {
		t.Run(name, func(t *testing.T) {
			b, _, _ := newBuilding(t, packages, growing(script))
			top := len(b.plan.Layers) - 1
			for i, l := range b.plan.Layers[:top] {
				layertest.Put(t, b.Store, b.plan, l.Name)
				if err := b.layer(t.Context(), i); err != nil {
					t.Fatal(printed(err))
				}
			}
			made := func(limit int64) (rooms []string, a store.Action) {
				t.Helper()
				work, err := b.Store.Work()
				if err != nil {
					t.Fatal(err)
				}
				defer work.Close()
				log := newLog(t)
				a, err = b.inMemory(work, b.plan.Layers[top], limit, log, func(room string) (store.Action, error) {
					rooms = append(rooms, strings.TrimPrefix(room, work.Dir))
					return b.makeLayer(t.Context(), top, room, filepath.Join(work.Dir, "out"), "", 0, log)
				})
				if err != nil {
					t.Fatalf("with %d bytes: %s", limit, printed(err))
				}
				if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || bytes.Contains(mounts, []byte(work.Dir)) {
					t.Errorf("something is still mounted below %s (%v)", work.Dir, err)
				}
				return rooms, a
			}
			rooms, small := made(8 * megabytes)
			if fmt.Sprintf("%q", rooms) != `["/memory" ""]` {
				t.Errorf("with 8 MiB it was tried in %q", rooms)
			}
			rooms, large := made(64 * megabytes)
			if fmt.Sprintf("%q", rooms) != `["/memory"]` {
				t.Errorf("with 64 MiB it was tried in %q", rooms)
			}
			if !maps.Equal(small.Outputs, large.Outputs) || len(small.Outputs) == 0 {
				t.Errorf("the disk gave %v, the memory %v", small.Outputs, large.Outputs)
			}
		})
	}
}

// TestAFullDiskIsNotTheMemorys: a layer that the disk has no room for isn't made a second time.
func TestAFullDiskIsNotTheMemorys(t *testing.T) {
	b, _, _ := newBuilding(t, packages, desk)
	work, err := b.Store.Work()
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	full := &fs.PathError{Op: "write", Path: filepath.Join(work.Dir, "out", "layer"), Err: unix.ENOSPC}
	times := 0
	_, err = b.inMemory(work, b.plan.Layers[0], 8*megabytes, newLog(t), func(string) (store.Action, error) {
		times++
		return store.Action{}, full
	})
	if times != 1 || !errors.Is(err, full) {
		t.Errorf("it was made %d times, and failed by %v", times, err)
	}
}
