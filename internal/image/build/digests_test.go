package build

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/layertest"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/verity"
	"nhos.org/nhos/internal/manifest"
)

// TestTheMediumHasTheDigestsOfItsLayers takes a medium apart and holds each of its layers, as the kernel would, against
// the tree beside it and the root that the manifest and the menu name.
func TestTheMediumHasTheDigestsOfItsLayers(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	layertest.Put(t, b.Store, b.plan, "boot")
	for _, l := range b.plan.Layers {
		out := t.TempDir()
		if l.Kernel {
			err := errors.Join(os.WriteFile(filepath.Join(out, plan.KernelOutput), []byte("kernel"), 0o644), os.WriteFile(filepath.Join(out, plan.InitrdOutput), []byte("initrd"), 0o644))
			if err != nil {
				t.Fatal(err)
			}
		}
		a, err := b.seal(t.Context(), l.Key, lay(t, map[string]string{"etc/layer": l.Name}), out, 0, io.Discard)
		if err != nil {
			t.Fatal(printed(err))
		}
		again, err := b.seal(t.Context(), l.Key, lay(t, map[string]string{"etc/layer": l.Name}), t.TempDir(), 0, io.Discard)
		if err != nil || again.Outputs[plan.TreeOutput] != a.Outputs[plan.TreeOutput] || again.Outputs[plan.RootOutput] != a.Outputs[plan.RootOutput] {
			t.Errorf("layer %s, made twice, has two trees: %v, %v, %v", l.Name, a.Outputs, again.Outputs, err)
		}
		if err := b.Store.Record(l.Key, a); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Run(t.Context(), b.plan, b.Options)
	if err != nil {
		t.Fatal(printed(err))
	}
	medium := filepath.Join(t.TempDir(), "medium")
	iso := filepath.Join(b.Out, r.ISO)
	if said, err := exec.Command("xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/", medium).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	menu, err := os.ReadFile(filepath.Join(medium, "boot/grub/grub.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(medium, manifest.Path))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) != len(b.plan.Layers) || len(m.Layers) < 2 {
		t.Fatalf("the medium has %d layers", len(m.Layers))
	}
	for _, l := range m.Layers {
		file := filepath.Join(medium, "live", l.Name)
		verify := func() error { return exec.Command(verity.Program(), "verify", file, file+verity.Suffix, l.Root).Run() }
		if err := verify(); err != nil {
			t.Errorf("%s isn't what its tree and root say: %v", l.Name, err)
		}
		if named := l.Name + ":" + l.Root; strings.Count(string(menu), named) != 1 {
			t.Errorf("the menu doesn't name %s:\n%s", named, menu)
		}
		bytes, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bytes[len(bytes)/2] ^= 1
		if err := errors.Join(os.Chmod(file, 0o644), os.WriteFile(file, bytes, 0o644)); err != nil {
			t.Fatal(err)
		}
		if verify() == nil {
			t.Errorf("%s has another bit, and its tree and root say nothing", l.Name)
		}
	}
}
