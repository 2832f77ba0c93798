package media

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newVerified is an initramfs in which live-boot has named a layer and runs the script that sees to its digests: before
// it mounts the layer, or because it can't go on ("panic").
func newVerified(t *testing.T, commandLine, layer, when string) initramfs {
	t.Helper()
	i := newInitramfs(t, commandLine)
	i.write(t, "proc/cpuinfo", "flags\t\t: fpu avx sha_ni\n")
	i.write(t, "proc/mounts", "/dev/sr0 /run/live/medium iso9660 ro 0 0\n")
	i.place(t, "scripts/"+when+"/nhos-verity", VerityScript, "/proc/cmdline", "/proc/mounts", "/proc/cpuinfo", "/dev/tty1", "/dev/console", "/bin/plymouth")
	i.image = filepath.Join(i.dir, "run/live/medium/live", layer)
	return i
}

// started is the kernel's line of the menu's first entry.
func started(t *testing.T) string {
	t.Helper()
	_, entry, _ := strings.Cut(Menu(content(), layers()), "--id start")
	_, entry, _ = strings.Cut(entry, "\tlinux ")
	line, _, found := strings.Cut(entry, "\n")
	if !found || !strings.Contains(line, " $roots ") {
		t.Fatalf("the menu's first entry has no roots: %s", line)
	}
	return strings.NewReplacer("$roots", roots(layers()), " $console", "").Replace("BOOT_IMAGE=" + line)
}

func TestALayerWithItsDigestsIsStarted(t *testing.T) {
	t.Parallel()
	for _, l := range layers() {
		i := newVerified(t, started(t), l.Name, "live-realpremount")
		if err := errors.Join(i.run(t), i.run(t, "prereqs")); err != nil {
			t.Error(err)
		}
		if said, calls := i.read("dev/console"), i.read("calls"); said != "" || calls != "modprobe -q sha256-ssse3\nmodprobe -q dm-verity\n" {
			t.Errorf("%s: it says %q and calls %q", l.Name, said, calls)
		}
	}
}

func TestALayerWithoutItsDigestsIsNotStarted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line, layer, when string
		alter             func(tree string) error
	}{
		"its tree is gone":          {started(t), "10-base.squashfs", "live-realpremount", os.Remove},
		"its tree is empty":         {started(t), "10-base.squashfs", "live-realpremount", func(tree string) error { return os.Truncate(tree, 0) }},
		"it has no root":            {strings.Replace(started(t), "10-base.squashfs:"+strings.Repeat("1", 64)+",", "", 1), "10-base.squashfs", "live-realpremount", nil},
		"its root is empty":         {strings.Replace(started(t), strings.Repeat("1", 64), "", 1), "10-base.squashfs", "live-realpremount", nil},
		"the medium has one more":   {started(t), "0-base.squashfs", "live-realpremount", func(tree string) error { return os.WriteFile(tree, []byte("tree"), 0o644) }},
		"the kernel has refused it": {started(t), "10-base.squashfs", "panic", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newVerified(t, c.line, c.layer, c.when)
			if c.alter != nil {
				if err := errors.Join(os.Chmod(filepath.Dir(i.image), 0o755), c.alter(i.image+".verity")); err != nil {
					t.Fatal(err)
				}
			}
			if err := i.run(t); err == nil {
				t.Error("the boot goes on")
			}
			if said := i.read("dev/console"); !strings.Contains(said, "This medium is damaged and was not started: live/"+c.layer+" ") {
				t.Errorf("it says\n%s", said)
			}
			if calls := i.read("calls"); !strings.HasSuffix(calls, "sleep 60\npoweroff -f\nsleep 60\npoweroff -f\n") {
				t.Errorf("called\n%s", calls)
			}
		})
	}
}

// TestOtherBootsAreLeftAlone: a boot without the medium's menu, and one that fails for something else than a layer.
func TestOtherBootsAreLeftAlone(t *testing.T) {
	t.Parallel()
	foreign := newVerified(t, "boot=live quiet", "10-base.squashfs", "live-realpremount")
	early := newVerified(t, started(t), "10-base.squashfs", "panic")
	early.image = ""
	late := newVerified(t, started(t), "40-respin.squashfs", "panic")
	late.write(t, "proc/mounts", "/dev/mapper/4-verity /run/live/rootfs/40-respin.squashfs squashfs ro 0 0\n")
	for name, i := range map[string]initramfs{"another menu": foreign, "no medium": early, "all layers mounted": late} {
		if err := i.run(t); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if said, calls := i.read("dev/console"), i.read("calls"); said+calls != "" {
			t.Errorf("%s: it says %q and calls %q", name, said, calls)
		}
	}
}
