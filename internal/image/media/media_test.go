package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// made is the date of the media of these tests.
var made = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func content() Content {
	return Content{
		Image: "desk", Respin: "ward", Product: "Ward Desk 7", Graphical: true,
		Distribution: "debian", Suite: "trixie", Architecture: "amd64",
		KernelArguments: []string{"quiet", "plymouth.enable=0"}, MenuTimeout: 7 * time.Second,
		Environment: map[string]string{"NHOS_PRODUCT": "Ward Desk 7"},
		Checks:      []manifest.Check{{ID: "desk/sits", Claim: "The desk stands", Feature: "desk", Run: "test -d /", Within: 30 * time.Second}},
	}
}

// layers are those of the medium, without their files.
func layers() []Layer {
	return []Layer{
		{Name: "10-base.squashfs", Key: "key of the base", Root: strings.Repeat("1", 64)},
		{Name: "30-configuration.squashfs", Key: "key of the configuration", Root: strings.Repeat("3", 64)},
		{Name: "40-respin.squashfs", Key: "key of the respin", Root: strings.Repeat("4", 64)},
	}
}

// parts are small stand-ins for what a medium is put together from, in a folder of this name.
func parts(t *testing.T, folder string) Parts {
	t.Helper()
	dir := filepath.Join(t.TempDir(), folder)
	file := func(name string, text []byte) File {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
		return File{Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(text)), Size: int64(len(text))}
	}
	grub := filepath.Join(t.TempDir(), "grub")
	for _, name := range []string{"i386-pc/normal.mod", "fonts/unicode.pf2"} {
		path := filepath.Join(grub, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(name), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	layer := func(name, look string) (File, File) {
		root, image := t.TempDir(), filepath.Join(t.TempDir(), "layer")
		path := filepath.Join(root, themeFolder, "theme.txt")
		if look == "" {
			path = filepath.Join(root, "etc/issue")
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(look), 0o600)); err != nil {
			t.Fatal(err)
		}
		output(t, exec.Command("chmod", "-R", "755", root)) // whatever the umask
		output(t, exec.Command("env", "SOURCE_DATE_EPOCH=0", "mksquashfs", root, image, "-quiet", "-no-progress", "-all-root"))
		text, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		return file(name, text), file(name+"tree", []byte("the tree of "+name))
	}
	stack := layers()
	for i, look := range []string{"", "the image's", "the ward's"} {
		stack[i].File, stack[i].Tree = layer([]string{"aa", "bb", "0c"}[i], look)
	}
	tarred := output(t, exec.Command("tar", "-C", grub, "-c", "."))
	return Parts{
		Layers: stack,
		Kernel: file("dd", bytes.Repeat([]byte("kernel"), 1000)), Initrd: file("ee", bytes.Repeat([]byte("initrd"), 1000)),
		Boot: map[string]File{
			"efi.img":         file("efi", bytes.Repeat([]byte("EFI!"), 64<<10)),
			"eltorito.img":    file("eltorito", bytes.Repeat([]byte{0x90}, 30000)),
			"boot_hybrid.img": file("hybrid", bytes.Repeat([]byte{0xfa}, 512)),
			"grub.tar":        file("grub", []byte(tarred)),
		},
		Date: made,
	}
}

// output runs cmd and returns all that it prints.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out.String(), said.String())
	}
	return out.String()
}

// iso writes a medium and returns its path.
func iso(t *testing.T, c Content, p Parts) string {
	t.Helper()
	f := file(t, filepath.Join(t.TempDir(), "desk.iso"))
	if err := WriteISO(t.Context(), c, p, t.TempDir(), f); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// file opens a file to write a medium to, which is made if it isn't there.
func file(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func xorriso(t *testing.T, iso string, args ...string) string {
	t.Helper()
	return output(t, exec.Command("xorriso", append([]string{"-osirrox", "on", "-indev", iso}, args...)...))
}

// unpack copies all of a medium into a folder.
func unpack(t *testing.T, iso string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "medium")
	xorriso(t, iso, "-extract", "/", dir)
	return dir
}

func TestMenu(t *testing.T) {
	got := Menu(content(), layers())
	file := "testdata/grub.cfg"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("go test -update writes it anew (-want +got)\n%s", diff)
	}
	cmd := exec.Command("grub-script-check", "-v")
	cmd.Stdin = strings.NewReader(got)
	output(t, cmd)

	// What a definition may say at most of a product and of kernel arguments is still a menu.
	c := content()
	c.Product = "NHoS 2.0 (Gŵynedd) #1: 50% *new* [a-z]!"
	c.KernelArguments = []string{"a=!%()*+,./:=?@[]^_~-"}
	cmd = exec.Command("grub-script-check", "-v")
	cmd.Stdin = strings.NewReader(Menu(c, layers()))
	output(t, cmd)
}

// TestAMediumBoots holds the medium's boot records against what xorriso reads from them.
func TestAMediumBoots(t *testing.T) {
	t.Parallel()
	file := iso(t, content(), parts(t, "store"))
	torito := xorriso(t, file, "-report_el_torito", "plain")
	for _, want := range []string{
		`(?m)^El Torito boot img :   1  BIOS  y   none  0x0000  0x00 +4 +[0-9]+$`,
		`(?m)^El Torito boot img :   2  UEFI  y   none  0x0000  0x00 +[0-9]+ +[0-9]+$`,
		`(?m)^El Torito img path :   1  /boot/grub/eltorito.img$`,
		`(?m)^El Torito img opts :   1  boot-info-table grub2-boot-info$`,
	} {
		if !regexp.MustCompile(want).MatchString(torito) {
			t.Errorf("no %s in\n%s", want, torito)
		}
	}
	area := xorriso(t, file, "-report_system_area", "plain")
	for _, want := range []string{
		`(?m)^System area summary: MBR .*grub2-mbr .*GPT$`,
		`(?m)^GPT type GUID      :   2  28732ac11ff8d211ba4b00a0c93ec93b$`, // an EFI system partition (UEFI specification, 5.3.3)
		`(?m)^GPT start and size :   2 +[0-9]+ +512$`,                      // blocks of 512 bytes: all of efi.img
	} {
		if !regexp.MustCompile(want).MatchString(area) {
			t.Errorf("no %s in\n%s", want, area)
		}
	}
	if volume := xorriso(t, file, "-pvd_info"); !strings.Contains(volume, "Volume Id    : WARD_DESK_7\n") || !strings.Contains(volume, "Modif. Time  : 2026010203040600\n") {
		t.Errorf("the volume's name or date is another one:\n%s", volume)
	}
}

// TestWhatIsOnAMedium takes a medium apart again with xorriso.
func TestWhatIsOnAMedium(t *testing.T) {
	t.Parallel()
	p := parts(t, "a store=with \\ odd 'signs'")
	file := iso(t, content(), p)
	dir := unpack(t, file)

	check := exec.Command("sha256sum", "--check", "--strict", "--quiet", "sha256sum.txt")
	check.Dir = dir
	output(t, check)
	sums := read(t, filepath.Join(dir, "sha256sum.txt"))
	for line := range strings.Lines(output(t, exec.Command("find", dir, "-type", "f", "-printf", "%P\n"))) {
		name := strings.TrimSpace(line)
		// xorriso writes into eltorito.img and makes the boot catalogue itself; the list can't hold its own digest.
		without := name == "sha256sum.txt" || name == "boot/grub/eltorito.img" || name == "boot.catalog"
		if listed := strings.Contains(sums, "  "+name+"\n"); listed == without {
			t.Errorf("%s: in sha256sum.txt %v", name, listed)
		}
	}

	if diff := cmp.Diff("10-base.squashfs\n30-configuration.squashfs\n40-respin.squashfs\n", read(t, filepath.Join(dir, "live/filesystem.module"))); diff != "" {
		t.Errorf("the stack (-want +got)\n%s", diff)
	}
	for name, part := range map[string]File{
		"live/10-base.squashfs": p.Layers[0].File, "live/40-respin.squashfs": p.Layers[2].File, "live/vmlinuz": p.Kernel, "live/initrd.img": p.Initrd,
		"boot/grub/efi.img": p.Boot["efi.img"], "live/10-base.squashfs.verity": p.Layers[0].Tree,
	} {
		if got := sha256.Sum256([]byte(read(t, filepath.Join(dir, name)))); hex.EncodeToString(got[:]) != part.SHA256 {
			t.Errorf("%s has other bytes", name)
		}
	}
	if got, want := read(t, filepath.Join(dir, ".disk/info")), "Ward Desk 7 (debian trixie amd64)\n"; got != want {
		t.Errorf(".disk/info is %q, not %q", got, want)
	}
	if read(t, filepath.Join(dir, "boot/grub/grub.cfg")) != Menu(content(), layers()) {
		t.Error("grub.cfg isn't the menu")
	}
	if got := read(t, filepath.Join(dir, "boot/grub/theme/theme.txt")); got != "the ward's" {
		t.Errorf("the menu's look is %q, and not the last layer's", got)
	}

	var m manifest.Manifest
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, manifest.Path))), &m); err != nil {
		t.Fatal(err)
	}
	want := manifest.Manifest{
		Version: manifest.Version, Image: "desk", Respin: "ward", Product: "Ward Desk 7", Graphical: true,
		Menu: []string{"start", "check", "ram"}, Checks: content().Checks, Environment: content().Environment,
	}
	for _, l := range p.Layers {
		want.Layers = append(want.Layers, manifest.Layer{Name: l.Name, Key: l.Key, SHA256: l.SHA256, Size: l.Size, Root: l.Root})
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("the manifest (-want +got)\n%s", diff)
	}

	for line := range strings.Lines(xorriso(t, file, "-find", "/", "-exec", "lsdl", "--")) {
		f := strings.Fields(line)
		mode, owner, date := f[0], f[2]+":"+f[3], strings.Join(f[5:8], " ")
		wantMode := "-r--r--r--"
		switch mode[0] {
		case 'd':
			wantMode = "dr-xr-xr-x"
		case 'e': // xorriso's letter for the boot catalogue
			wantMode = "er--r--r--"
		}
		if mode != wantMode || owner != "0:0" || date != "Jan 2 2026" {
			t.Errorf("%s is of %s, mode %s, and of %s", f[8], owner, mode, date)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheSamePartsGiveTheSameBytes writes a medium twice, the second time in another folder, later, under another
// umask and in another time zone, from files with other dates and modes. It isn't parallel because of the umask.
func TestTheSamePartsGiveTheSameBytes(t *testing.T) {
	first := read(t, iso(t, content(), parts(t, "store")))
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	t.Setenv("LC_ALL", "tr_TR.UTF-8")
	defer unix.Umask(unix.Umask(0o077))
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second + time.Millisecond)))
	p := parts(t, "elsewhere")
	for i, f := range []File{p.Kernel, p.Layers[0].File, p.Boot["efi.img"], p.Boot["grub.tar"]} {
		at := time.Unix(1_000_000_000+int64(i)*100_000_000, 0)
		if err := errors.Join(os.Chtimes(f.Path, at, at), os.Chmod(f.Path, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	second := read(t, iso(t, content(), p))
	if first == second {
		return
	}
	n, shown := 0, ""
	for i := range min(len(first), len(second)) {
		if first[i] != second[i] {
			if n++; n < 10 {
				shown += fmt.Sprintf(" %#x", i)
			}
		}
	}
	t.Errorf("%d and %d bytes, of which %d differ, at%s", len(first), len(second), n, shown)
}

func TestWriteISOIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := WriteISO(ctx, content(), parts(t, "store"), t.TempDir(), file(t, filepath.Join(t.TempDir(), "desk.iso")))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("WriteISO = %v", err)
	}
}

func TestWriteISOSaysWhatXorrisoSays(t *testing.T) {
	t.Parallel()
	p := parts(t, "store")
	p.Kernel.Path = "/nonexistent"
	err := WriteISO(t.Context(), content(), p, t.TempDir(), file(t, filepath.Join(t.TempDir(), "desk.iso")))
	if err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("WriteISO = %v", err)
	}
}

func TestWriteISOFindsNoRoom(t *testing.T) {
	t.Parallel()
	err := WriteISO(t.Context(), content(), parts(t, "store"), t.TempDir(), file(t, "/dev/full"))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteISO = %v", err)
	}
}

func TestVolume(t *testing.T) {
	for product, want := range map[string]string{
		"NHoS Desktop": "NHOS_DESKTOP",
		"Gŵynedd (2)":  "G_YNEDD__2_",
		"A product with a name that is longer than a label": "A_PRODUCT_WITH_A_NAME_THAT_IS_LO",
	} {
		if got := volume(Content{Product: product}); got != want {
			t.Errorf("%s: %s, not %s", product, got, want)
		}
	}
}
