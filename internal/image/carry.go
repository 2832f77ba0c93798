package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/parcel"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// Packages brings all packages of a lock into the request's store and returns the lock: that of the request's file,
// else the one beside the image's medium in out, else what apt chooses now. A request without an image fetches nothing:
// the store has to have them.
func Packages(ctx context.Context, r Request, out string) (*lock.Lock, error) {
	if r.ID == "" {
		l, err := lock.Read(r.LockFile)
		if err != nil {
			return nil, err
		}
		return l, complete(l, r.Store, r.LockFile)
	}
	if r.LockFile == "" {
		built, err := build.Load(out)
		switch {
		case err == nil:
			r.LockFile = filepath.Join(out, built.Lock)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	img, err := definition.Load(r.Definitions, r.ID)
	if err != nil {
		return nil, err
	}
	mirrors, err := Mirrors(ctx, r, img)
	if err != nil && r.LockFile == "" {
		return nil, err
	}
	l, err := Lock(ctx, r, img, mirrors)
	if err != nil {
		return nil, err
	}
	return l, build.Fetch(ctx, img, l, build.Options{Store: r.Store, Mirrors: mirrors, Progress: r.Progress})
}

// complete says whether the store has all packages of a lock.
func complete(l *lock.Lock, s *store.Store, file string) error {
	blobs, err := parcel.Blobs(l)
	if err != nil {
		return err
	}
	missing := 0
	for _, b := range blobs {
		if !s.Has(b) {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	return ui.Hint(fmt.Errorf("%d of the %d packages of %s aren't in the store", missing, len(blobs), file),
		"name the image too, and what is missing is fetched: nhos store export IMAGE --lock "+file)
}
