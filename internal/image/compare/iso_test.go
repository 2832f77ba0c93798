package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/build"
)

// burn writes a folder as an ISO with a layer on it.
func burn(t testing.TB, dir, layer string, options ...string) string {
	t.Helper()
	iso := filepath.Join(t.TempDir(), "medium.iso")
	args := append([]string{
		"-as", "mkisofs", "-quiet", "-r", "-J", "-V", "DESK", "-o", iso, "--modification-date=2026010203040500",
		"--set_all_file_dates", "2026010203040500",
	}, options...)
	args = append(args, "-graft-points", "/="+dir, "/live/10-base.squashfs="+layer)
	cmd := exec.Command("xorriso", args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return iso
}

const tree1 = `
umask 022
mkdir -p boot/grub
echo menu >boot/grub/grub.cfg
head -c 4096 /dev/zero >boot/grub/eltorito.img
`

func said(r *Report) string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s: %s: %s: %s|%s\n", d.In, d.Path, d.What, d.A, d.B)
	}
	return b.String()
}

func run(t *testing.T, a, b string) *Report {
	t.Helper()
	r, err := Run(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMediaAreComparedDownToTheFilesOfTheirLayers(t *testing.T) {
	boot := []string{"-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4"}
	layer := squash(t, lay(t, root+settle))
	dir := lay(t, tree1)
	a := burn(t, dir, layer, boot...)
	if r := run(t, a, burn(t, dir, layer, boot...)); !r.Identical || len(r.Differences) > 0 {
		t.Errorf("the same medium twice:\n%s", said(r))
	}

	changed := squash(t, lay(t, root+"echo dusk >etc/hostname"+settle))
	r := run(t, a, burn(t, lay(t, tree1+"echo list >boot/grub/grub.cfg; echo new >boot/more"), changed, boot...))
	for _, want := range []string{
		"live/10-base.squashfs: etc/hostname: content: 5 bytes, ",
		"medium: live/10-base.squashfs: content: ", "medium: boot/grub/grub.cfg: content: 5 bytes, ", "medium: boot/more: added: |file, 4 bytes, ",
	} {
		if !strings.Contains(said(r), want) {
			t.Errorf("it doesn't say %q:\n%s", want, said(r))
		}
	}
	if r.Identical {
		t.Error("they are called identical")
	}
	if sum := r.Summary(); !strings.HasPrefix(sum, "1 in live/10-base.squashfs, ") {
		t.Errorf("the summary is %q", sum)
	}
}

func TestBootRecordsAreCompared(t *testing.T) {
	boot := []string{"-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size"}
	layer, dir := squash(t, lay(t, root)), lay(t, tree1)
	a := burn(t, dir, layer, append(boot, "4")...)
	for name, c := range map[string]struct{ iso, want string }{
		"boot catalog": {burn(t, dir, layer, append(boot, "8")...), "medium: [boot catalog]: content:  (from byte "},
		"volume": {
			burn(t, dir, layer, append(boot, "4", "-V", "TABLE")...),
			"medium: [volume descriptor]: content: DESK ",
		},
		"no boot record": {burn(t, dir, layer), "medium: [boot record]: "},
		"MBR":            {flipped(t, a, 100), "medium: [MBR and GPT]: content:  (from byte 100)"},
		"the space between the files": {
			flipped(t, a, 16*2048+1500), "medium: [volume descriptor]: content: ",
		},
		"padding": {flipped(t, a, -1), "the files are the same; their order or the space between them isn't"},
	} {
		if r := run(t, a, c.iso); r.Identical || !strings.Contains(said(r), c.want) {
			t.Errorf("%s: it doesn't say %q:\n%s", name, c.want, said(r))
		}
	}
}

// flipped is a copy of a file with another bit; a negative place counts from the end.
func flipped(t *testing.T, file string, at int) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(text)
	}
	text[at] ^= 1
	other := filepath.Join(t.TempDir(), "flipped.iso")
	if err := os.WriteFile(other, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return other
}

// TestFoldersOfImages compares what lies beside the media too.
func TestFoldersOfImages(t *testing.T) {
	layer, dir := squash(t, lay(t, root)), lay(t, tree1)
	folder := func(lock string) string {
		out := t.TempDir()
		note, err := json.Marshal(build.Result{ID: "desk", ISO: "desk.iso", Lock: "desk.lock"})
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"build.json": string(note), "desk.lock": lock, "SHA256SUMS": "x  desk.iso\nx  desk.lock\n"} {
			if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(burn(t, dir, layer), filepath.Join(out, "desk.iso")); err != nil {
			t.Fatal(err)
		}
		return out
	}
	a := folder("tea 1")
	if r := run(t, a, folder("tea 1")); !r.Identical {
		t.Errorf("two folders of the same:\n%s", said(r))
	}
	if r := run(t, a, folder("tea 2")); r.Identical || !strings.HasPrefix(said(r), ": desk.lock: content: 5 bytes, ") {
		t.Errorf("another lock:\n%s", said(r))
	}
	if r := run(t, a, filepath.Join(folder("tea 3"), "desk.iso")); !r.Identical {
		t.Errorf("a folder and an ISO:\n%s", said(r))
	}
}

func TestWhatIsNeitherIsRefused(t *testing.T) {
	dir := lay(t, "echo tea >a; echo milk >b; head -c 40000 /dev/zero >c; printf 'xCD001' | dd of=c bs=1 seek=32768 conv=notrunc status=none")
	for _, pair := range [][2]string{{"a", "b"}, {"a", "c"}, {"a", "none"}} {
		if r, err := Run(t.Context(), filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1])); err == nil {
			t.Errorf("%v: %+v", pair, r)
		}
	}
	// An ISO that isn't one beyond its first words gives an error and no panic.
	other := flipped(t, filepath.Join(dir, "c"), 39999)
	if r, err := Run(t.Context(), filepath.Join(dir, "c"), other); err == nil {
		t.Errorf("%+v", r)
	}
}
