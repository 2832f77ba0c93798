// Package media writes a stack of layers out as what a computer boots from.
//
// The ISO is hybrid: it boots as a CD and as a USB stick, under BIOS, UEFI, and UEFI with Secure Boot, where firmware
// starts Debian's signed shim, that the signed GRUB, and that the signed kernel. live-boot stacks the layers that
// /live/filesystem.module lists, the last line topmost.
package media

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/image/verity"
	"nhos.org/nhos/internal/manifest"
)

// CheckScript is what the initramfs runs to hold the medium against its checksums.
//
//go:embed check-medium.sh
var CheckScript string

// VerityScript is what the initramfs runs so that a layer without its digests isn't started.
//
//go:embed verity.sh
var VerityScript string

// BootScript makes what firmware starts, in a root in which the boot packages lie unpacked. Its argument is the folder
// that the outputs go to.
//
//go:embed boot.sh
var BootScript string

// BootOutputs are the files that [BootScript] makes.
var BootOutputs = []string{"efi.img", "eltorito.img", "boot_hybrid.img", "grub.tar"}

// Content is what a medium holds besides its layers.
type Content struct {
	Image           string            `json:"image"`
	Respin          string            `json:"respin,omitempty"`
	Product         string            `json:"product"`
	Graphical       bool              `json:"graphical"`
	Distribution    string            `json:"distribution"`
	Suite           string            `json:"suite"`
	Architecture    string            `json:"architecture"`
	KernelArguments []string          `json:"kernel_arguments"`
	MenuTimeout     time.Duration     `json:"menu_timeout_ns"`
	Environment     map[string]string `json:"environment"`
	Checks          []manifest.Check  `json:"checks"`
	Destinations    []string          `json:"destinations,omitempty"`
}

// A File is a file of this machine whose bytes are known.
type File struct {
	Path   string
	SHA256 string
	Size   int64 // bytes
}

// A Layer is a squashfs with the name that it has on the medium.
type Layer struct {
	Name string
	Key  string
	File
	Tree File   // of the digests of its blocks
	Root string // of the tree
}

// Parts are the files that a medium is put together from.
type Parts struct {
	Layers         []Layer // the bottom first
	Kernel, Initrd File
	Boot           map[string]File // by the names of BootOutputs
	Date           time.Time       // of every file on the medium, and of the medium
}

// WriteISO writes the medium to the empty file f, from its first byte to its last and nowhere twice, so that what stands in
// f may be read meanwhile. scratch is an empty folder that it may use. A file system without the room for the medium gives an
// error that is [syscall.ENOSPC].
func WriteISO(ctx context.Context, c Content, p Parts, scratch string, f *os.File) error {
	tree, err := stage(ctx, c, p, scratch)
	if err != nil {
		return fmt.Errorf("putting the medium together: %w", err)
	}
	list := filepath.Join(scratch, "paths")
	if err := os.WriteFile(list, []byte(tree), 0o644); err != nil {
		return fmt.Errorf("putting the medium together: %w", err)
	}
	date := p.Date.UTC().Format("2006010215040500")
	args := []string{
		"-stdio_sync", "off", // by itself it would wait for the disk every 16 MB
		"-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long", "-V", volume(c), "-o", "-",
		"--modification-date=" + date, "--set_all_file_dates", date, "-uid", "0", "-gid", "0", "-file-mode", "0444",
		"-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
		"--grub2-mbr", p.Boot["boot_hybrid.img"].Path,
		"-eltorito-alt-boot", "-e", "boot/grub/efi.img", "-no-emul-boot",
		"-append_partition", "2", "0xef", p.Boot["efi.img"].Path, "-appended_part_as_gpt",
		"-graft-points", "-path-list", list,
	}
	cmd := exec.CommandContext(ctx, "xorriso", args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(p.Date.Unix(), 10), "LC_ALL=C.UTF-8", "TZ=UTC")
	var said bytes.Buffer
	// As its standard output xorriso takes the file for a tape: nothing is written over afterwards.
	cmd.Stdout, cmd.Stderr = f, &said
	err = child.Run(cmd)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("writing the medium was interrupted: %w", context.Cause(ctx))
	case noRoom.Match(said.Bytes()):
		err = syscall.ENOSPC
	}
	return fmt.Errorf("writing the medium with xorriso: %w: %s", err, bytes.TrimSpace(said.Bytes()))
}

// noRoom is what xorriso says of a file system that has too little room: before it writes, or when it has become so.
var noRoom = regexp.MustCompile(`exceeds free space on media|No space left on device`)

// stage writes the medium's small files below scratch and returns xorriso's list: "path on the medium=file" a line.
func stage(ctx context.Context, c Content, p Parts, scratch string) (string, error) {
	small := filepath.Join(scratch, "tree")
	grub := filepath.Join(small, "boot/grub")
	for _, dir := range []string{grub, filepath.Join(small, ".disk"), filepath.Join(small, "live")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	tar := exec.CommandContext(ctx, "tar", "-C", grub, "-xf", p.Boot["grub.tar"].Path)
	if said, err := child.CombinedOutput(tar); err != nil {
		return "", fmt.Errorf("unpacking GRUB: %w: %s", err, said)
	}
	if err := theme(ctx, p.Layers, scratch, filepath.Join(grub, "theme")); err != nil {
		return "", err
	}
	described, err := json.MarshalIndent(describe(c, p), "", "  ")
	if err != nil {
		return "", err
	}
	var module strings.Builder
	sums := map[string]string{"live/vmlinuz": p.Kernel.SHA256, "live/initrd.img": p.Initrd.SHA256}
	paths := map[string]string{"live/vmlinuz": p.Kernel.Path, "live/initrd.img": p.Initrd.Path}
	for _, l := range p.Layers {
		fmt.Fprintln(&module, l.Name)
		sums["live/"+l.Name], paths["live/"+l.Name] = l.SHA256, l.Path
		tree := "live/" + l.Name + verity.Suffix
		sums[tree], paths[tree] = l.Tree.SHA256, l.Tree.Path
	}
	for _, name := range []string{"efi.img", "eltorito.img"} {
		paths["boot/grub/"+name] = p.Boot[name].Path
	}
	// GRUB's core is left out of the checksums: xorriso writes the place of its blocks into it.
	sums["boot/grub/efi.img"] = p.Boot["efi.img"].SHA256
	for name, text := range map[string]string{
		".disk/info":             fmt.Sprintf("%s (%s %s %s)\n", c.Product, c.Distribution, c.Suite, c.Architecture),
		manifest.Path[1:]:        string(described) + "\n",
		"boot/grub/grub.cfg":     Menu(c, p.Layers),
		"live/filesystem.module": module.String(),
	} {
		if err := os.WriteFile(filepath.Join(small, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	if err := checksums(small, sums); err != nil {
		return "", err
	}
	list := []string{"/=" + small}
	for name, file := range paths {
		list = append(list, "/"+name+"="+file)
	}
	return sortedLines(list), nil
}

func describe(c Content, p Parts) manifest.Manifest {
	m := manifest.Manifest{
		Version: manifest.Version, Image: c.Image, Respin: c.Respin, Product: c.Product, Graphical: c.Graphical,
		Checks: c.Checks, Environment: c.Environment, Destinations: c.Destinations,
	}
	for _, e := range entries {
		m.Menu = append(m.Menu, e.id)
	}
	for _, l := range p.Layers {
		m.Layers = append(m.Layers, manifest.Layer{Name: l.Name, Key: l.Key, SHA256: l.SHA256, Size: l.Size, Root: l.Root})
	}
	return m
}

// volume is the medium's label: what ISO 9660 allows of the product's name.
func volume(c Content) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(c.Product) {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()[:min(32, b.Len())]
}
