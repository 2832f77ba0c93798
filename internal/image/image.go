// Package image is the build chain's front: from a name to a plan, with what lies between.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/room"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/image/verity"
	"nhos.org/nhos/internal/ui"
)

// A Request names an image and where things are.
type Request struct {
	Definitions string // folder
	ID          string // of an image or a respin
	Mirror      string // overrides what the definition says; "" doesn't
	LockFile    string // builds from this lock; "" resolves a new one
	Store       *store.Store
	Progress    ui.Progress
	// Answers are shared by requests that ask for several images; nil asks everything for this one.
	Answers *Answers
}

// Answers keep what this machine and the mirrors said, so that a call of the program for several images asks once.
type Answers struct {
	tools   *plan.Tools
	mirrors map[string]lock.Mirrors // by what a definition says of them
	indexes map[string]bool         // folders of apt that are fresh
}

// NewAnswers returns answers to nothing yet.
func NewAnswers() *Answers {
	return &Answers{mirrors: map[string]lock.Mirrors{}, indexes: map[string]bool{}}
}

// Mirrors returns where the image's packages come from: the request's mirror, else the definition's.
func Mirrors(ctx context.Context, r Request, img *definition.Image) (lock.Mirrors, error) {
	setting := img.Base.Mirror.Value
	if r.Mirror != "" {
		setting = r.Mirror
	}
	asked := img.Base.Distribution + " " + setting
	if r.Answers != nil && r.Answers.mirrors[asked] != nil {
		return r.Answers.mirrors[asked], nil
	}
	m, err := lock.FindMirrors(ctx, img.Base, setting, filepath.Join(r.Store.Dir(), "apt", "machine"))
	if err == nil && r.Answers != nil {
		r.Answers.mirrors[asked] = m
	}
	return m, err
}

// Lock returns the packages of img: those of the request's lock file, or what apt chooses now.
func Lock(ctx context.Context, r Request, img *definition.Image, mirrors lock.Mirrors) (*lock.Lock, error) {
	if r.LockFile != "" {
		return lock.Read(r.LockFile)
	}
	phase := r.Progress.Begin("lock", 0)
	l, err := resolve(ctx, r, img, mirrors)
	if err != nil {
		phase.Fail(err)
		return nil, err
	}
	phase.Done(fmt.Sprintf("%d packages", len(l.Packages)))
	return l, nil
}

// resolve asks apt, in a folder of the store that belongs to this base and these mirrors.
func resolve(ctx context.Context, r Request, img *definition.Image, mirrors lock.Mirrors) (*lock.Lock, error) {
	sum := sha256.Sum256(fmt.Append(nil, img.Base.Distribution, img.Base.Pockets, img.Base.Components, img.Base.Architecture, mirrors))
	name := "apt-" + hex.EncodeToString(sum[:6])
	if r.Store.Writable() != nil { // apt fetches the indexes anew, but who may only look can plan
		dir, err := os.MkdirTemp("", "nhos-apt-")
		if err != nil {
			return nil, err
		}
		release, err := child.Guard(dir)
		if err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
		l, err := lock.Resolve(ctx, img, mirrors, dir)
		return l, errors.Join(err, release())
	}
	unlock, err := r.Store.Lock(ctx, name)
	if err != nil {
		return nil, full(err, r.Store)
	}
	defer unlock()
	choose := lock.Resolve
	if r.Answers != nil && r.Answers.indexes[name] {
		choose = lock.ResolveAgain
	}
	l, err := choose(ctx, img, mirrors, filepath.Join(r.Store.Dir(), "apt", name))
	if err == nil && r.Answers != nil {
		r.Answers.indexes[name] = true
	}
	return l, full(err, r.Store)
}

func full(err error, s *store.Store) error {
	return room.Explain(err, "", room.Store(s.Dir()))
}

// Plan loads the definition, locks it and plans its build. It returns the mirrors that the build fetches from.
func Plan(ctx context.Context, r Request) (*plan.Plan, lock.Mirrors, error) {
	img, err := definition.Load(r.Definitions, r.ID)
	if err != nil {
		return nil, nil, err
	}
	plain := img
	if img.Respin != "" {
		if plain, err = definition.Load(r.Definitions, img.Name); err != nil {
			return nil, nil, err
		}
	}
	mirrors, err := Mirrors(ctx, r, img)
	if err != nil && r.LockFile == "" { // with a lock, a store that has its packages needs no mirror
		return nil, nil, err
	}
	l, err := Lock(ctx, r, img, mirrors)
	if err != nil {
		return nil, nil, err
	}
	if r.Answers == nil {
		r.Answers = NewAnswers()
	}
	if r.Answers.tools == nil {
		t, err := tools(ctx)
		if err != nil {
			return nil, nil, err
		}
		r.Answers.tools = &t
	}
	p, err := plan.New(img, plain, l, *r.Answers.tools, r.Store)
	return p, mirrors, err
}

// Outdated says whether a medium isn't what its definition and the tools would give now, from the packages of its lock.
func Outdated(ctx context.Context, r Request, built *build.Result) bool {
	r.LockFile = filepath.Join(built.Dir, built.Lock)
	p, _, err := Plan(ctx, r)
	return err != nil || p.Medium.Key != built.Key
}

// tools asks the programs that make layers and media for their versions.
func tools(ctx context.Context) (plan.Tools, error) {
	t := plan.Tools{Layer: map[string]string{}, Medium: map[string]string{}}
	for _, program := range []struct {
		name, flag string
		of         map[string]string
	}{
		{"apt-get", "--version", t.Layer},
		{"mmdebstrap", "--version", t.Layer},
		{"mksquashfs", "-version", t.Layer},
		{verity.Program(), "--version", t.Layer},
		{"xorriso", "-version", t.Medium},
	} {
		out, err := exec.CommandContext(ctx, program.name, program.flag).Output()
		if len(out) == 0 && err != nil {
			return t, ui.Hint(fmt.Errorf("asking %s for its version: %w", program.name, err), "nhos doctor says what is missing and how to install it")
		}
		first, _, _ := strings.Cut(string(out), "\n")
		program.of[filepath.Base(program.name)] = strings.TrimSpace(first)
	}
	return t, nil
}
