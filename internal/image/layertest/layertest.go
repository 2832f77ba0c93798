// Package layertest gives tests layers that took no time to make: stand-ins in a store under the keys of a plan.
//
// The base is a busybox with the few programs that a configuration calls, each of which does nothing, so layers above it
// are made for real. The boot files are of the right form and boot nothing.
package layertest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/contents"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/image/verity"
)

// Put records stand-ins for these layers of p, and for its boot files ("boot"), as if a build had made them.
func Put(t testing.TB, s *store.Store, p *plan.Plan, names ...string) {
	t.Helper()
	for _, name := range names {
		if name == "boot" {
			record(t, s, p.Boot.Key, bootFiles(t))
			continue
		}
		known := false
		for i, l := range p.Layers {
			if l.Name == name {
				record(t, s, l.Key, layer(t, l.Key, i))
				known = true
			}
		}
		if !known {
			t.Fatalf("layertest: the plan has no layer %q", name)
		}
	}
}

func record(t testing.TB, s *store.Store, key store.Digest, outputs map[string][]byte) {
	t.Helper()
	a := store.Action{Name: "stand-in", Outputs: map[string]store.Blob{}, Date: archivetest.Built, Made: time.Unix(archivetest.Built, 0)}
	for name, text := range outputs {
		b, err := s.Put(bytes.NewReader(text), "")
		if err != nil {
			t.Fatal(err)
		}
		a.Outputs[name] = b
	}
	if err := s.Record(key, a); err != nil {
		t.Fatal(err)
	}
}

// programs are what a configuration calls and a busybox doesn't have.
var programs = []string{"useradd", "usermod", "groupmod", "locale-gen", "apt-get", "apt-mark"}

// layer is the squashfs of a root and the list of what is in it; a layer above the lowest has nothing but a file with its
// number.
func layer(t testing.TB, key store.Digest, i int) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf("usr/share/layer%d", i), "", 0o644)
	if i == 0 {
		write("etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644)
		write("etc/group", "root:x:0:\n", 0o644)
		write("boot/vmlinuz-1", "kernel", 0o644)
		write("boot/initrd.img-1", "initrd", 0o644)
		for _, name := range programs {
			write("usr/sbin/"+name, "#!/bin/sh\n", 0o755)
		}
		write("usr/sbin/update-initramfs", "#!/bin/sh\n", 0o755)
		write("usr/sbin/dpkg-divert", "#!/bin/sh\nprintf '#!/bin/sh\\n' >/usr/sbin/update-initramfs\nchmod 755 /usr/sbin/update-initramfs\n", 0o755)
		run(t, "mkdir", "-p", dir+"/bin", dir+"/root", dir+"/tmp", dir+"/run", dir+"/dev", dir+"/proc")
		run(t, "cp", "/bin/busybox", dir+"/bin/busybox")
		run(t, "chroot", dir, "/bin/busybox", "--install", "-s", "/bin")
	}
	file := filepath.Join(t.TempDir(), "layer")
	run(t, "mksquashfs", dir, file, "-quiet", "-no-progress", "-all-root", "-Xcompression-level", "1")
	held, err := contents.Scan(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var list bytes.Buffer
	if err := held.Write(&list); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(t.TempDir(), "tree")
	root, err := verity.Format(t.Context(), string(key), file, tree, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		plan.LayerOutput: read(t, file), plan.ContentsOutput: list.Bytes(), plan.TreeOutput: read(t, tree), plan.RootOutput: []byte(root + "\n"),
	}
}

func bootFiles(t testing.TB) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "unicode.pf2"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tar := filepath.Join(t.TempDir(), "grub.tar")
	run(t, "tar", "-C", dir, "-cf", tar, ".")
	return map[string][]byte{
		"efi.img":         bytes.Repeat([]byte("EFI!"), 64<<10),
		"eltorito.img":    bytes.Repeat([]byte{0x90}, 30000),
		"boot_hybrid.img": bytes.Repeat([]byte{0xfa}, 512),
		"grub.tar":        read(t, tar),
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func run(t testing.TB, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}
