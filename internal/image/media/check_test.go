package media

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/verity"
)

// An initramfs is a folder that stands for the root in which the check runs: with a medium, a kernel command line, and
// a sleep and a poweroff that only note that they were called.
type initramfs struct {
	dir, script string
	image       string // that live-boot is about to mount
}

const asked = "BOOT_IMAGE=/live/vmlinuz boot=live quiet nhos.check-medium"

func newInitramfs(t *testing.T, commandLine string) initramfs {
	t.Helper()
	i := initramfs{dir: t.TempDir()}
	medium := filepath.Join(i.dir, "run/live/medium")
	if err := errors.Join(os.MkdirAll(filepath.Dir(medium), 0o755), os.MkdirAll(filepath.Join(i.dir, "dev"), 0o755), os.MkdirAll(filepath.Join(i.dir, "proc"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(unpack(t, iso(t, content(), parts(t, "store"))), medium); err != nil {
		t.Fatal(err)
	}
	i.write(t, "proc/cmdline", commandLine+"\n")
	// The second poweroff ends the script, as the real one ends the machine; the first fails.
	i.write(t, "bin/poweroff", "#!/bin/sh\necho \"poweroff $*\" >>"+i.dir+"/calls\n[ $(/usr/bin/grep -c poweroff "+i.dir+"/calls) = 1 ] || kill $PPID\n")
	i.write(t, "bin/sleep", "#!/bin/sh\necho \"sleep $*\" >>"+i.dir+"/calls\n")
	i.write(t, "bin/modprobe", "#!/bin/sh\necho \"modprobe $*\" >>"+i.dir+"/calls\n")
	for _, tool := range []string{"grep", "sha256sum"} {
		if err := os.Symlink("/bin/busybox", filepath.Join(i.dir, "bin", tool)); err != nil {
			t.Fatal(err)
		}
	}
	i.place(t, "nhos-check-medium", CheckScript, "/proc/cmdline", "/run/", "/dev/tty1", "/dev/console", "/bin/plymouth")
	return i
}

// place writes the script that run runs, with these paths those of the folder.
func (i *initramfs) place(t *testing.T, name, script string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if !strings.Contains(script, path) {
			t.Fatalf("the script doesn't say %s any more", path)
		}
		script = strings.ReplaceAll(script, path, i.dir+path)
	}
	i.script = filepath.Join(i.dir, name)
	i.write(t, name, script)
}

func (i initramfs) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(i.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

// read is what a file of the initramfs holds, or "" where there is none.
func (i initramfs) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(i.dir, name))
	return string(text)
}

// run runs the check, with the initramfs's few programs and none of this machine's.
func (i initramfs) run(t *testing.T, args ...string) error {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{i.script}, args...)...)
	cmd.Env = []string{"PATH=" + filepath.Join(i.dir, "bin"), "image=" + i.image}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	t.Logf("%s%s", said.String(), i.read("dev/console"))
	return err
}

func TestCheckFindsAGoodMediumGood(t *testing.T) {
	t.Parallel()
	i := newInitramfs(t, asked)
	if err := i.run(t); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{"dev/console", "dev/tty1"} {
		if !strings.HasSuffix(i.read(out), "The medium is good. Starting.\n") {
			t.Errorf("%s ends otherwise:\n%s", out, i.read(out))
		}
	}
	if calls := i.read("calls"); calls != "" {
		t.Errorf("called %s", calls)
	}
	i.write(t, "dev/console", "")
	if err := i.run(t); err != nil || i.read("dev/console") != "" {
		t.Errorf("it runs a second time: %v", err)
	}
}

func TestCheckStopsADamagedMedium(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage  func(medium string) error
		damaged string // what the script says after "was not started:"
	}{
		"one bit of a layer": {
			func(m string) error { return flip(m + "/live/30-configuration.squashfs") }, " live/30-configuration.squashfs\n",
		},
		"one bit of the initrd, and a file that is gone": {
			func(m string) error {
				return errors.Join(flip(m+"/live/initrd.img"), os.Remove(m+"/boot/grub/grub.cfg"))
			}, " boot/grub/grub.cfg live/initrd.img\n",
		},
		"one bit of the checksums":   {func(m string) error { return flip(m + "/sha256sum.txt") }, " "},
		"no checksums":               {func(m string) error { return os.Remove(m + "/sha256sum.txt") }, "\n"},
		"an empty list of checksums": {func(m string) error { return os.Truncate(m+"/sha256sum.txt", 0) }, "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInitramfs(t, asked)
			medium := filepath.Join(i.dir, "run/live/medium")
			if err := exec.Command("chmod", "-R", "u+w", medium).Run(); err != nil {
				t.Fatal(err)
			}
			if err := c.damage(medium); err != nil {
				t.Fatal(err)
			}
			if err := i.run(t); err == nil {
				t.Error("the boot goes on")
			}
			if said := i.read("dev/console"); !strings.Contains(said, "This medium is damaged and was not started:"+c.damaged) || strings.Contains(said, "is good") {
				t.Errorf("it says\n%s", said)
			}
			if calls := i.read("calls"); calls != "sleep 60\npoweroff -f\nsleep 60\npoweroff -f\n" {
				t.Errorf("called\n%s", calls)
			}
			if _, err := os.Stat(filepath.Join(i.dir, "run/nhos-medium-checked")); err == nil {
				t.Error("it is noted as checked")
			}
		})
	}
}

// flip changes one bit in the middle of a file.
func flip(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	return os.WriteFile(file, text, 0o644)
}

func TestCheckDoesNothingUnasked(t *testing.T) {
	t.Parallel()
	i := newInitramfs(t, "BOOT_IMAGE=/live/vmlinuz boot=live quiet")
	if err := flip(filepath.Join(i.dir, "run/live/medium/live/initrd.img")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(i.run(t), i.run(t, "prereqs")); err != nil {
		t.Error(err)
	}
	if said, calls := i.read("dev/console"), i.read("calls"); said+calls != "" {
		t.Errorf("it says %q and calls %q", said, calls)
	}
}

// TestScriptsAreShell reads the scripts with the shells that run them: the initramfs's and the image's.
func TestScriptsAreShell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		shell  []string
	}{
		"check-medium.sh": {CheckScript, []string{"busybox", "sh", "-n"}}, "verity.sh": {VerityScript, []string{"busybox", "sh", "-n"}},
		"the initrd's hook": {verity.HookScript, []string{"sh", "-n"}}, "boot.sh": {BootScript, []string{"sh", "-n"}},
	} {
		cmd := exec.Command(c.shell[0], c.shell[1:]...)
		cmd.Stdin = strings.NewReader(c.script)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, said)
		}
	}
}
