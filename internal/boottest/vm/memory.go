package vm

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// A memory is what the probe's file holds.
type memory struct {
	BootID string `json:"boot_id"`
	QEMU   string `json:"qemu"`
	Accelerator
}

func memoryFile(cacheDir string) string { return filepath.Join(cacheDir, "accelerator.json") }

// now is a memory of the present, without an answer.
func (q QEMU) now(ctx context.Context) (memory, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return memory{}, err
	}
	version, err := q.Version(ctx)
	return memory{BootID: strings.TrimSpace(string(id)), QEMU: version}, err
}

func (q QEMU) recall(ctx context.Context, cacheDir string) (Accelerator, bool) {
	b, err := os.ReadFile(memoryFile(cacheDir))
	if err != nil {
		return Accelerator{}, false
	}
	var kept memory
	present, err := q.now(ctx)
	if err != nil || json.Unmarshal(b, &kept) != nil || (kept.Name != KVM && kept.Name != TCG) {
		return Accelerator{}, false
	}
	return kept.Accelerator, kept.BootID == present.BootID && kept.QEMU == present.QEMU
}

// remember keeps an answer. If that fails the next run asks again, which costs seconds and nothing else.
func (q QEMU) remember(ctx context.Context, cacheDir string, found Accelerator) {
	m, err := q.now(ctx)
	if err != nil || os.MkdirAll(cacheDir, 0o755) != nil {
		return
	}
	m.Accelerator = found
	b, err := json.Marshal(m)
	if err != nil {
		return
	}
	_ = renameio.WriteFile(memoryFile(cacheDir), b, 0o644)
}
