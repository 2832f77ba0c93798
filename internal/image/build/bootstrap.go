package build

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
)

// bootstrap makes the base: mmdebstrap, from a repository that holds the locked packages and no others.
//
// update-initramfs is diverted until the configuration is there, so that the initrd is made once.
func (b *builder) bootstrap(ctx context.Context, l plan.Layer, root, repository string, date int64, log io.Writer) error {
	base := b.plan.Image.Base
	var include []string
	for _, p := range l.Install {
		include = append(include, p.Name)
	}
	argv := []string{
		"mmdebstrap", "--mode=root", "--variant=essential", "--format=directory",
		"--architectures=" + base.Architecture, "--include=" + strings.Join(include, ","),
		"--aptopt=APT::Install-Recommends \"false\"", "--aptopt=APT::Sandbox::User \"root\"", "--aptopt=Acquire::Languages \"none\"",
		"--dpkgopt=force-unsafe-io",
		`--essential-hook=chroot "$1" dpkg-divert --local --rename --quiet --divert /usr/sbin/update-initramfs.held --add /usr/sbin/update-initramfs`,
		`--essential-hook=ln -s /bin/true "$1/usr/sbin/update-initramfs"`,
	}
	var paths strings.Builder
	for _, p := range base.Exclude {
		argv = append(argv, "--dpkgopt=path-exclude="+p)
		fmt.Fprintf(&paths, "path-exclude=%s\n", p)
	}
	for _, p := range base.Include {
		argv = append(argv, "--dpkgopt=path-include="+p)
		fmt.Fprintf(&paths, "path-include=%s\n", p)
	}
	var dependencies []string
	for _, p := range l.Install {
		if !p.Wanted {
			dependencies = append(dependencies, p.Name)
		}
	}
	argv = append(argv,
		`--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap`,
		`--customize-hook=printf '%s' "$NHOS_PATHS" > "$1"/etc/dpkg/dpkg.cfg.d/nhos-paths`,
		`--customize-hook=chroot "$1" apt-mark auto `+strings.Join(dependencies, " ")+` >/dev/null`,
		"--customize-hook=cd \"$1\" && "+cleanUp(l.Ops),
		base.Suite, root, "deb [trusted=yes] copy:"+(&url.URL{Path: repository}).EscapedPath()+" ./") // the store's path may hold blanks
	defer b.span.Time("mmdebstrap")()
	return rootfs.RunHost(ctx, argv, map[string]string{
		"SOURCE_DATE_EPOCH": strconv.FormatInt(date, 10), "NHOS_PATHS": paths.String(),
	}, log)
}

// cleanUp writes ops that remove and empty as a line of shell, with paths relative to the root.
func cleanUp(ops []rootfs.Op) string {
	var lines []string
	for _, op := range ops {
		switch op.Kind {
		case rootfs.Remove:
			lines = append(lines, "rm -rf ."+op.Path)
		case rootfs.Empty:
			lines = append(lines, `for f in .`+op.Path+`; do if [ -f "$f" ]; then : > "$f"; fi; done`)
		}
	}
	return strings.Join(lines, "; ")
}
