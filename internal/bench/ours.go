package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ours is nhos with a store, definitions and output of its own.
type ours struct {
	nhos, dir string
	packages  []string
	peak      int64 // KiB
}

const respins = 3 // further respins that are built in one call

func newOurs(nhos, dir string, packages []string) (*ours, error) {
	base, err := os.ReadFile("bases/debian-13/base.yaml")
	if err != nil {
		return nil, fmt.Errorf("the benchmark runs in the repository's folder: %w", err)
	}
	o := &ours{nhos: nhos, dir: dir, packages: packages}
	// live-build leaves nothing of a package out, so neither do we.
	whole, _, _ := strings.Cut(string(base), "exclude:")
	_, after, _ := strings.Cut(string(base), "\npackages:")
	files := map[string]string{
		"bases/debian-13/base.yaml":      whole + "\npackages:" + after,
		"features/desk/feature.yaml":     "description: What is measured\npackages:\n  add: [" + strings.Join(packages, ", ") + "]\n",
		"features/desk/scripts/10-touch": touch("first"),
		"images/desk.yaml":               image(""),
	}
	for i := range respins + 1 {
		files[fmt.Sprintf("respins/ward%d/respin.yaml", i)] = fmt.Sprintf("description: A ward\nimage: desk\nproduct: Ward %d\n", i)
		files[fmt.Sprintf("respins/ward%d/files/etc/ward", i)] = fmt.Sprintf("ward %d\n", i)
	}
	if err := os.RemoveAll(filepath.Join(dir, "definitions")); err != nil {
		return nil, err
	}
	for name, text := range files {
		if err := o.write(name, text); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func image(add string) string {
	return "description: What is measured\nbase: debian-13\nproduct: Desk\nfeatures: [desk]\n" + add
}

func touch(word string) string { return "#!/bin/sh\necho " + word + " > /etc/touched\n" }

func (o *ours) write(name, text string) error {
	path := filepath.Join(o.dir, "definitions", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if strings.Contains(name, "/scripts/") {
		mode = 0o755
	}
	return os.WriteFile(path, []byte(text), mode)
}

// call times one call of nhos.
func (o *ours) call(ctx context.Context, args ...string) (float64, error) {
	args = append(args, "--definitions", filepath.Join(o.dir, "definitions"), "--store", filepath.Join(o.dir, "store"), "--out", filepath.Join(o.dir, "out"))
	seconds, peak, err := timed(ctx, o.dir, filepath.Join(o.dir, "log"), o.nhos, args...)
	o.peak = max(o.peak, peak)
	return seconds, err
}

// build times the build of images and respins.
func (o *ours) build(ctx context.Context, ids ...string) (float64, error) {
	return o.call(ctx, append([]string{"build"}, ids...)...)
}

// fetch brings the packages of the image into the store.
func (o *ours) fetch(ctx context.Context) error {
	archive := filepath.Join(o.dir, "packages.tar")
	defer os.Remove(archive)
	_, err := o.call(ctx, "store", "export", "desk", "-o", archive)
	return err
}

func (o *ours) measure(ctx context.Context, t *times) error {
	iso := filepath.Join(o.dir, "out/desk/desk-amd64.iso")
	err := o.fetch(ctx)
	step := func(into *float64, prepare func() error, ids ...string) {
		if err == nil && prepare != nil {
			err = prepare()
		}
		if err == nil {
			*into, err = o.build(ctx, ids...)
		}
	}
	var unused float64
	step(&t.Cold, o.forget, "desk")
	step(&t.Nothing, nil, "desk")
	step(&unused, nil, "ward0")
	step(&t.File, func() error { return o.write("respins/ward0/files/etc/ward", "changed\n") }, "ward0")
	var further []string
	for i := range respins {
		further = append(further, fmt.Sprintf("ward%d", i+1))
	}
	step(&t.Further, nil, further...)
	t.Further /= respins
	if err == nil {
		t.Copy, err = copied(iso, filepath.Join(o.dir, "copy.iso"))
		os.Remove(filepath.Join(o.dir, "copy.iso"))
	}
	if err == nil {
		t.ISO, err = size(iso)
	}
	step(&t.Script, func() error { return o.write("features/desk/scripts/10-touch", touch("second")) }, "desk")
	step(&t.Package, func() error { return o.write("images/desk.yaml", image("packages:\n  add: [hello]\n")) }, "desk")
	t.PeakKiB = o.peak
	t.Processors = fmt.Sprintf("%d processors", runtime.NumCPU())
	return err
}

// forget leaves the store nothing but packages, and takes away what was built.
func (o *ours) forget() error {
	for _, dir := range []string{"store/actions", "out"} {
		if err := os.RemoveAll(filepath.Join(o.dir, dir)); err != nil {
			return err
		}
	}
	return nil
}

// copied times a copy of a file on the same disk, as a user would make it.
func copied(from, to string) (float64, error) {
	begun := time.Now()
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	if _, err := out.ReadFrom(plain{in}); err != nil {
		return 0, err
	}
	return time.Since(begun).Seconds(), out.Close()
}

// plain hides that a file is one: the kernel would share its blocks where the file system can, and nothing be copied.
type plain struct{ f *os.File }

func (p plain) Read(b []byte) (int, error) { return p.f.Read(b) }

func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
