package plan

import (
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/media"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/verity"
)

// configure lists what makes the configuration of an image, in order: the files of all parts, the settings, the
// scripts of all parts.
func configure(img *definition.Image) ([]rootfs.Op, error) {
	var ops []rootfs.Op
	for _, part := range img.Parts {
		for _, f := range part.Files {
			ops = append(ops, lay(part, f))
		}
	}
	ops = append(ops, settings(img)...)
	values := environment(img)
	for _, part := range img.Parts {
		for _, s := range part.Scripts {
			text, err := os.ReadFile(s.Source)
			if err != nil {
				return nil, fmt.Errorf("reading a script of %s %s: %w", part.Kind, part.Name, err)
			}
			named := mentioned(string(text), values)
			ops = append(ops, rootfs.Op{
				Kind: rootfs.Script, SHA256: s.SHA256, Source: s.Source, Environment: named,
				Why:  s.Origin.File,
				From: scriptCauses(part, s, named, variables(img)),
			})
		}
	}
	return ops, nil
}

// lay is the op that lays a file of a definition over the root.
func lay(part definition.Part, f definition.File) rootfs.Op {
	op := rootfs.Op{
		Path: f.Path, Mode: f.Mode, Owner: f.Owner, Group: f.Group,
		Why: fmt.Sprintf("%s (from %s)", f.Path, f.Origin.File), From: fileCauses(part, f),
	}
	switch f.Type {
	case fs.ModeDir:
		op.Kind, op.Force = rootfs.Dir, f.Stated
	case fs.ModeSymlink:
		op.Kind, op.Target = rootfs.Symlink, f.Target
	default:
		op.Kind, op.SHA256, op.Source = rootfs.Write, f.SHA256, f.Source
	}
	return op
}

var variable = regexp.MustCompile(`\bNHOS_[A-Z_]+\b`)

// mentioned picks the variables that a script names. It gets no others, so that a setting it doesn't know of can't
// change what it does, and a respin runs again just the scripts that name a setting of its own.
func mentioned(script string, values map[string]string) map[string]string {
	used := map[string]string{}
	for _, name := range variable.FindAllString(script, -1) {
		if v, ok := values[name]; ok {
			used[name] = v
		}
	}
	return used
}

// initramfs makes the initrd, once, and takes the kernel and it out of the layer: the medium has them as files.
func initramfs() []rootfs.Op {
	script := func(path, text string) rootfs.Op {
		return rootfs.Op{Kind: rootfs.Write, Path: "/etc/initramfs-tools/" + path, Mode: 0o755, Content: text}
	}
	return append([]rootfs.Op{
		script("scripts/live-realpremount/nhos-check-medium", media.CheckScript),
		script("scripts/live-realpremount/nhos-verity", media.VerityScript),
		script("scripts/panic/nhos-verity", media.VerityScript),
		script("hooks/nhos-verity", verity.HookScript),
		{Kind: rootfs.Remove, Path: "/usr/sbin/update-initramfs"},
		{Kind: rootfs.Command, Argv: []string{"dpkg-divert", "--local", "--rename", "--quiet", "--remove", "/usr/sbin/update-initramfs"}},
	}, initramfsAgain()...)
}

func initramfsAgain() []rootfs.Op {
	return []rootfs.Op{
		{Kind: rootfs.Command, Argv: []string{"update-initramfs", "-c", "-k", "all"}, Why: "making the initrd"},
		{Kind: rootfs.Export, Path: "/boot/vmlinuz-*", Target: KernelOutput, Why: "taking the kernel from /boot (base must add one: linux-image-amd64)"},
		{Kind: rootfs.Export, Path: "/boot/initrd.img-*", Target: InitrdOutput, Why: "taking the initrd from /boot (base must add initramfs-tools and live-boot)"},
		{Kind: rootfs.Remove, Path: "/boot/initrd.img-*"},
	}
}

// reachesInitramfs says whether one of the ops changes what an initrd is made of: a file in one of these folders, or a
// script that names one.
func reachesInitramfs(ops []rootfs.Op) bool {
	return slices.ContainsFunc(ops, func(op rootfs.Op) bool {
		var script []byte
		if op.Kind == rootfs.Script {
			script, _ = os.ReadFile(op.Source) // configure has just read it
		}
		for _, dir := range []string{"/etc/initramfs-tools/", "/usr/share/initramfs-tools/", "/etc/plymouth/", "/usr/share/plymouth/", "/etc/modprobe.d/", "/etc/default/keyboard"} {
			if strings.HasPrefix(op.Path, dir) || bytes.Contains(script, []byte(dir)) {
				return true
			}
		}
		return false
	})
}

// difference are the ops that turn the plain image's configuration into the respin's: the files that end up otherwise,
// and the commands and scripts that the plain image doesn't run just so, or less often. A user's other name is a change
// of the account, not a second one.
func difference(img, plain *definition.Image, respun, configuration []rootfs.Op) []rootfs.Op {
	before, after := lastOf(configuration), lastOf(respun)
	ran := map[string]int{}
	for _, op := range keyed(configuration) {
		if !lays(op) {
			ran[string(digest(op))]++
		}
	}
	adduser := useradd(img.Settings.User)
	var ops []rootfs.Op
	for i, op := range keyed(respun) {
		key := string(digest(op))
		switch {
		case lays(op):
			if last := after[op.Path]; last.index == i && before[op.Path].key != key {
				ops = append(ops, respun[i])
			}
		case ran[key] > 0:
			ran[key]--
		case slices.Equal(op.Argv, adduser.Argv):
			for _, change := range usermod(plain.Settings.User, img.Settings.User) {
				change.From = respun[i].From
				ops = append(ops, change)
			}
		default:
			ops = append(ops, respun[i])
		}
	}
	return ops
}

// lays says whether the op alone decides what is at its path.
func lays(op rootfs.Op) bool {
	return op.Kind == rootfs.Write || op.Kind == rootfs.Dir || op.Kind == rootfs.Symlink || op.Kind == rootfs.Remove
}

// lastOf finds the ops that have the last word about each path.
func lastOf(ops []rootfs.Op) map[string]lastOp {
	last := map[string]lastOp{}
	for i, op := range keyed(ops) {
		if lays(op) {
			last[op.Path] = lastOp{i, string(digest(op))}
		}
	}
	return last
}

type lastOp struct {
	index int
	key   string
}

// home is where a user's files are.
func home(name string) string { return path.Join("/home", name) }
