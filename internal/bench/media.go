package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// live is what Debian's live-task-cinnamon brings, but for its installer, and for the languages of the world: English
// alone. What these recommend comes with them, as there.
var live = strings.Fields("task-cinnamon-desktop live-task-base gnome-terminal plymouth")

// makeOurs builds images/desktop as it ships, compressed as for a release. Packages come from the machine's own store.
func makeOurs(ctx context.Context, nhos, dir string) error {
	definitions := filepath.Join(dir, "definitions")
	if err := os.RemoveAll(definitions); err != nil {
		return err
	}
	for _, part := range []string{"bases", "features", "images"} {
		if err := os.CopyFS(filepath.Join(definitions, part), os.DirFS(part)); err != nil {
			return fmt.Errorf("the benchmark runs in the repository's folder: %w", err)
		}
	}
	image, err := os.OpenFile(filepath.Join(definitions, "images/desktop.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = image.WriteString("compression: small\n")
	if err = errors.Join(err, image.Close()); err != nil {
		return err
	}
	_, _, err = timed(ctx, dir, filepath.Join(dir, "log"), nhos, "build", "desktop", "--definitions", definitions, "--out", filepath.Join(dir, "out"))
	return err
}

// makeTheirs has live-build make its medium, compressed by xz as it does by itself.
func makeTheirs(ctx context.Context, dir string) error {
	p, err := configure(ctx, dir)
	if err != nil {
		return err
	}
	if err := p.write("config/package-lists/desktop.list.chroot", strings.Join(live, "\n")+"\n"); err != nil {
		return err
	}
	_, err = p.build(ctx)
	return err
}
