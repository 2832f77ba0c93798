package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/image/room"
	"nhos.org/nhos/internal/image/store"
)

// unfinished is how the folder is called, in the output folder, in which a medium is put together.
const unfinished = ".unfinished-"

// claim waits until no other build writes to the output folder, keeps others out until release is called, and makes a
// folder there for what isn't finished. waited says that there was another build.
func (b *builder) claim(ctx context.Context) (dir string, waited bool, release func(), err error) {
	out, err := os.Open(b.Out)
	if err != nil {
		return "", false, nil, err
	}
	defer func() {
		if err != nil {
			out.Close()
		}
	}()
	if waited, err = store.Flock(ctx, out); err != nil {
		return "", waited, nil, fmt.Errorf("waiting for another build that writes to %s: %w", b.Out, err)
	}
	left, _ := filepath.Glob(filepath.Join(b.Out, unfinished+"*"))
	for _, dead := range left {
		if err := os.RemoveAll(dead); err != nil {
			return "", waited, nil, fmt.Errorf("removing what an earlier build left: %w", err)
		}
	}
	if dir, err = os.MkdirTemp(b.Out, unfinished+"*"); err != nil {
		return "", waited, nil, err
	}
	remove, err := child.Guard(dir)
	if err != nil {
		return "", waited, nil, errors.Join(err, os.Remove(dir))
	}
	return dir, waited, func() {
		_ = remove()
		out.Close()
	}, nil
}

// explain is [room.Explain] for the folders that a build writes to.
func (b *builder) explain(err error, said string) error {
	return room.Explain(err, said, room.Store(b.Store.Dir()), room.Out(b.Out))
}
