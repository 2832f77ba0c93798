// Package sysroot unpacks packages of another release into a folder, for programs that this computer's own release has
// only in an older version. Nothing of them is installed: none of their scripts runs, and the folder is gone when its
// user is done.
//
// Which packages those are is apt's choice, which holds them against the archives' signatures. What it gave is kept in
// the store, and fetched anew after a month, so that the program gets its mended versions.
package sysroot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// Options say what to unpack.
type Options struct {
	Store    *store.Store
	Base     definition.Base // whose release the packages are of
	Mirrors  lock.Mirrors    // of the base
	Packages []string        // names; what they depend on comes along, what they recommend doesn't
	Progress ui.Progress
}

const (
	freshFor = 30 * 24 * time.Hour
	output   = "root.tar"
	// version changes when what is made from the same options does.
	version = 1
)

// Unpack returns the folder that stands for "/" of the packages, until release is called.
func Unpack(ctx context.Context, o Options) (dir string, release func() error, err error) {
	what := strings.Join(o.Packages, ", ") + " of " + o.Base.Suite
	archive, err := o.archive(ctx, what)
	if err != nil {
		return "", nil, fmt.Errorf("fetching %s: %w", what, err)
	}
	work, err := o.Store.Work()
	if err != nil {
		return "", nil, fmt.Errorf("unpacking %s: %w", what, err)
	}
	// Devices take root, and nobody uses them.
	said, err := child.CombinedOutput(exec.CommandContext(ctx, "tar", "--extract", "--file", archive, "--directory", work.Dir,
		"--no-same-owner", "--exclude=./dev"))
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("unpacking %s: %w: %s", what, err, strings.TrimSpace(string(said))), work.Close())
	}
	return work.Dir, work.Close, nil
}

// archive is the path of the tar that holds the packages' files. One that is old is taken if no newer one is to be had.
func (o Options) archive(ctx context.Context, what string) (string, error) {
	key, err := o.key()
	if err != nil {
		return "", err
	}
	unlock, err := o.Store.Lock(ctx, string(key))
	if err != nil {
		return "", err
	}
	defer unlock()
	kept := ""
	a, err := o.Store.Action(key)
	if err == nil {
		kept, err = o.Store.Path(a.Outputs[output])
	}
	if err == nil && time.Since(a.Made) < freshFor {
		return kept, nil
	}
	made, err := o.fetch(ctx, key, what)
	if err != nil && kept != "" && ctx.Err() == nil {
		o.Progress.Note(fmt.Sprintf("note: %s as of %s: no newer one could be fetched: %v", what, a.Made.Format(time.DateOnly), err))
		return kept, nil
	}
	return made, err
}

// key is the digest of what the archive depends on, but for time.
func (o Options) key() (store.Digest, error) {
	text, err := json.Marshal(map[string]any{
		"sysroot": version, "distribution": o.Base.Distribution, "pockets": o.Base.Pockets, "components": o.Base.Components,
		"architecture": o.Base.Architecture, "packages": o.Packages,
	})
	sum := sha256.Sum256(text)
	return store.Digest(hex.EncodeToString(sum[:])), err
}

// fetch makes the archive.
func (o Options) fetch(ctx context.Context, key store.Digest, what string) (_ string, err error) {
	work, err := o.Store.Work()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	sources, proxies, err := lock.Sources(ctx, o.Base, o.Mirrors)
	if err != nil {
		return "", err
	}
	list, conf, tar := filepath.Join(work.Dir, "sources.list"), filepath.Join(work.Dir, "apt.conf"), filepath.Join(work.Dir, output)
	if err := errors.Join(os.WriteFile(list, []byte(sources), 0o644), os.WriteFile(conf, []byte(proxies), 0o644)); err != nil {
		return "", err
	}
	phase := o.Progress.Begin(what, 0)
	begun := time.Now()
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--variant=extract", "--format=tar", "--architectures="+o.Base.Architecture,
		"--include="+strings.Join(o.Packages, ","), "--aptopt="+conf,
		`--aptopt=APT::Install-Recommends "false"`, `--aptopt=Acquire::Languages "none"`, "--dpkgopt=path-exclude=/usr/share/doc/*",
		o.Base.Suite, tar, list)
	cmd.Dir, cmd.WaitDelay = "/", 5*time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+work.Dir, "LC_ALL=C.UTF-8")
	if said, err := child.CombinedOutput(cmd); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			err = fmt.Errorf("mmdebstrap: %w: %s", err, complaint(string(said)))
		}
		phase.Fail(err)
		return "", err
	}
	blob, err := o.Store.PutFile(tar)
	if err == nil {
		err = o.Store.Record(key, store.Action{
			Name: what, Outputs: map[string]store.Blob{output: blob}, Made: begun, Took: time.Since(begun),
		})
	}
	if err != nil {
		phase.Fail(err)
		return "", err
	}
	phase.Done("fetched, " + ui.Bytes(blob.Size))
	return o.Store.Path(blob)
}

// complaint is what mmdebstrap and apt call errors of all that they said.
func complaint(said string) string {
	var errs []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "Err:") {
			errs = append(errs, strings.TrimPrefix(line, "E: "))
		}
	}
	return strings.Join(errs, "; ")
}
