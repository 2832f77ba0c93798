package build

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/room"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
)

// slack is the room in bytes that a layer may take besides its packages: for apt, the initrd, what scripts make.
const slack = 1 << 30

// inRoom has a layer made in a folder that takes its files: in memory where a layer of this size takes no more than
// half of what is free there, else, or when a failed layer is to be kept, in the work folder.
func (b *builder) inRoom(w *store.Work, l plan.Layer, log *os.File, make func(dir string) (store.Action, error)) (store.Action, error) {
	limit := memoryAvailable() / 2
	if b.KeepFailed || b.expected(l) > limit {
		return make(w.Dir)
	}
	return b.inMemory(w, l, limit, log, make)
}

// inMemory has a layer made in memory of which it may take limit bytes. One that grows past that is made again on the disk.
func (b *builder) inMemory(w *store.Work, l plan.Layer, limit int64, log *os.File, make func(dir string) (store.Action, error)) (store.Action, error) {
	dir := filepath.Join(w.Dir, "memory")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return store.Action{}, err
	}
	memory, err := rootfs.Memory(dir, limit)
	if err != nil {
		return store.Action{}, err
	}
	if memory == nil {
		return make(w.Dir)
	}
	a, err := make(dir)
	// A step that tidied up, as dpkg does, leaves no full memory, but an error that says what was missing.
	full := err != nil && (memory.Full() || room.In(room.Memory(dir), err, end(log.Name()), room.Store(w.Dir), room.Out(b.Out)))
	if closing := memory.Close(); err == nil {
		err = closing
	}
	if full {
		b.Progress.Note(fmt.Sprintf("layer %s needs more than the %d MiB of memory that it may take: making it on the disk", l.Name, limit>>20))
		return make(w.Dir)
	}
	return a, err
}

// expected is how many bytes making a layer may take.
func (b *builder) expected(l plan.Layer) int64 {
	var n int64
	for _, p := range l.Install {
		locked := b.locked[p.SHA256]
		n += locked.InstalledSize() + locked.Size
	}
	return n*5/4 + slack
}

// memoryAvailable is how many bytes programs may take without swapping, by the kernel's own reckoning; 0 if it doesn't say.
func memoryAvailable() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kib int64
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
