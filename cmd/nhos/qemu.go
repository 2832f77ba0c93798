package main

import (
	"context"
	"errors"
	"fmt"

	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/sysroot"
	"nhos.org/nhos/internal/ui"
)

// qemu is the QEMU that media boot in until release is called: this computer's own, or, where that one is outdated or
// missing, that of the release which the image named id is made from. Without an id it is that of the first image.
func (f *flags) qemu(ctx context.Context, id string, own bool, progress ui.Progress) (_ vm.QEMU, release func() error, err error) {
	release = func() error { return nil }
	version, missing := vm.QEMU{}.Version(ctx)
	if own || missing == nil && !vm.Outdated(version) {
		return vm.QEMU{}, release, missing
	}
	root, unpacked, err := f.qemuRoot(ctx, id, progress)
	switch {
	case err == nil:
		return vm.QEMU{Root: root}, unpacked, nil
	case missing != nil:
		return vm.QEMU{}, release, errors.Join(missing, err)
	case ctx.Err() != nil:
		return vm.QEMU{}, release, err
	}
	progress.Note(fmt.Sprintf("note: booting with this computer's QEMU %s, which is so old that a sound medium may fail: %v", version, err))
	return vm.QEMU{}, release, nil
}

// qemuRoot unpacks the release's QEMU.
func (f *flags) qemuRoot(ctx context.Context, id string, progress ui.Progress) (string, func() error, error) {
	dir, err := f.definitionsDir()
	if err != nil {
		return "", nil, err
	}
	if id == "" {
		images, _, err := definition.List(dir)
		if err != nil || len(images) == 0 {
			return "", nil, errors.Join(errors.New("no definition says which release it would come from"), err)
		}
		id = images[0]
	}
	img, err := definition.Load(dir, id)
	if err != nil {
		return "", nil, err
	}
	r, err := f.request(id, "", progress)
	if err != nil {
		return "", nil, err
	}
	mirrors, err := image.Mirrors(ctx, r, img)
	if err != nil {
		return "", nil, err
	}
	return sysroot.Unpack(ctx, sysroot.Options{
		Store: r.Store, Base: img.Base, Mirrors: mirrors, Packages: vm.Packages(), Progress: progress,
	})
}
