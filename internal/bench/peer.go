package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
)

// peer is Debian's live-build in a folder of its own.
type peer struct {
	dir string
}

func newPeer(ctx context.Context, dir string, packages []string) (*peer, error) {
	p, err := configure(
		ctx, dir, "--apt-recommends", "false", "--apt-indices", "false",
		"--chroot-squashfs-compression-type", "zstd", "--chroot-squashfs-compression-level", "3", "--checksums", "sha256",
	)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"config/package-lists/desk.list.chroot":      strings.Join(packages, "\n") + "\n",
		"config/hooks/normal/9000-touch.hook.chroot": touch("first"),
		"config/includes.chroot/etc/ward":            "ward 0\n",
	} {
		if err := p.write(name, text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// configure gives live-build a folder, the packages' mirror that we use, and options.
func configure(ctx context.Context, dir string, options ...string) (*peer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	mirrors, err := lock.FindMirrors(ctx, definition.Base{Distribution: "debian"}, "auto", filepath.Join(dir, "apt"))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "lb", append([]string{
		"config", "--distribution", "trixie", "--architecture", "amd64", "--archive-areas", "main non-free-firmware",
		"--mirror-bootstrap", mirrors["main"], "--mirror-binary", mirrors["main"],
		"--mirror-chroot-security", mirrors["security"], "--mirror-binary-security", mirrors["security"],
		"--firmware-chroot", "false", "--memtest", "none", "--debian-installer", "none", "--linux-flavours", "amd64",
		"--binary-image", "iso-hybrid", "--cache", "true", "--cache-packages", "true", "--cache-stages", "bootstrap", "--zsync", "false",
	}, options...)...)
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("lb config: %w: %s", err, said)
	}
	return &peer{dir}, nil
}

func (p *peer) write(name, text string) error {
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o755)
}

// prefill gives the peer's caches the packages that we have fetched for the same list, so that neither downloads them.
func (p *peer) prefill(lockFile, storeDir string) error {
	l, err := lock.Read(lockFile)
	if err != nil {
		return err
	}
	s, err := store.Open(storeDir)
	if err != nil {
		return err
	}
	for _, cache := range []string{"cache/packages.bootstrap", "cache/packages.chroot"} {
		if err := os.MkdirAll(filepath.Join(p.dir, cache), 0o755); err != nil {
			return err
		}
		for _, locked := range l.Packages {
			from, err := s.Path(store.Blob{Digest: store.Digest(locked.SHA256), Size: locked.Size})
			if err != nil {
				return err
			}
			// As apt names them in its own cache.
			name := locked.Name + "_" + strings.ReplaceAll(locked.Version, ":", "%3a") + "_" + locked.Architecture + ".deb"
			if _, err := copied(from, filepath.Join(p.dir, cache, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// build cleans what the build before left, as live-build asks for after every change, and times a build.
func (p *peer) build(ctx context.Context) (float64, error) {
	log := filepath.Join(p.dir, "log")
	for _, command := range []string{"clean", "config"} { // clean forgets that there is a configuration, and keeps it
		if _, _, err := timed(ctx, p.dir, log, "lb", command); err != nil {
			return 0, err
		}
	}
	seconds, _, err := timed(ctx, p.dir, log, "lb", "build")
	return seconds, err
}

func (p *peer) measure(ctx context.Context, t *times) error {
	if err := os.RemoveAll(filepath.Join(p.dir, "cache/bootstrap")); err != nil {
		return err
	}
	var err error
	if t.PeerCold, err = p.build(ctx); err != nil {
		return err
	}
	if err := p.write("config/includes.chroot/etc/ward", "changed\n"); err != nil {
		return err
	}
	if t.PeerRebuild, err = p.build(ctx); err != nil {
		return err
	}
	t.PeerISO, err = size(filepath.Join(p.dir, "live-image-amd64.hybrid.iso"))
	return err
}
