package build

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
)

// repository lays out an archive below dir that holds just these packages, so that apt can choose no others, and
// returns its folder.
func (b *builder) repository(dir string, packages []plan.Package) (string, error) {
	repo := filepath.Join(dir, "repository")
	if err := os.MkdirAll(filepath.Join(repo, "pool"), 0o755); err != nil {
		return "", err
	}
	var index bytes.Buffer
	for _, p := range packages {
		locked := b.locked[p.SHA256]
		path, err := b.Store.Path(blob(locked))
		if err != nil {
			return "", fmt.Errorf("package %s: %w", p.Name, err)
		}
		name := "pool/" + p.SHA256 + ".deb"
		if err := os.Link(path, filepath.Join(repo, name)); err != nil {
			return "", fmt.Errorf("package %s: %w", p.Name, err)
		}
		index.WriteString(locked.Index("./" + name))
		index.WriteByte('\n')
	}
	suite := b.plan.Image.Base.Suite
	release := fmt.Sprintf("Suite: %s\nCodename: %s\nArchitectures: %s all\nSHA256:\n %x %d Packages\n",
		suite, suite, b.plan.Image.Base.Architecture, sha256.Sum256(index.Bytes()), index.Len())
	return repo, errors.Join(
		os.WriteFile(filepath.Join(repo, "Packages"), index.Bytes(), 0o644),
		os.WriteFile(filepath.Join(repo, "Release"), []byte(release), 0o644),
		os.WriteFile(filepath.Join(repo, "sources.list"), []byte("deb [trusted=yes] file:"+repositoryDir+" ./\n"), 0o644),
		os.WriteFile(filepath.Join(repo, "apt.conf"), []byte(aptConf), 0o644))
}

// aptConf is what the image's apt runs by while its layer is made. The repository is trusted because the digest of
// every package in it was held against the lock.
const aptConf = `Dir::Etc::sourcelist "/run/nhos/repository/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "/run/nhos/lists";
Dir::Cache "/run/nhos/cache";
Dir::Log "/run/nhos/log";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
APT::Get::Purge "true";
Dpkg::Use-Pty "false";
Dpkg::Options { "--force-unsafe-io"; "--force-confnew"; };
`

// installOps brings a layer's packages in and takes others away. No service starts: policy-rc.d says so.
func installOps(l plan.Layer) []rootfs.Op {
	apt := func(argv ...string) rootfs.Op {
		return rootfs.Op{Kind: rootfs.Command, Argv: argv, Environment: map[string]string{"APT_CONFIG": repositoryDir + "/apt.conf"}}
	}
	install := []string{"apt-get", "install"}
	dependencies := []string{"apt-mark", "auto"}
	for _, p := range l.Install {
		install = append(install, p.Name+"="+p.Version)
		if !p.Wanted {
			dependencies = append(dependencies, p.Name)
		}
	}
	for _, name := range l.Remove {
		install = append(install, name+"-")
	}
	update := apt("apt-get", "update")
	update.Fleeting = true
	ops := []rootfs.Op{
		{Kind: rootfs.Dir, Path: "/run/nhos/lists/partial", Mode: 0o755},
		{Kind: rootfs.Dir, Path: "/run/nhos/cache/archives/partial", Mode: 0o755},
		{Kind: rootfs.Dir, Path: "/run/nhos/log", Mode: 0o755},
		{Kind: rootfs.Write, Path: "/usr/sbin/policy-rc.d", Mode: 0o755, Content: "#!/bin/sh\nexit 101\n"},
		update,
		apt(install...),
	}
	if len(dependencies) > 2 {
		ops = append(ops, apt(dependencies...))
	}
	return ops
}

// packageDate is when a package was built: the time in the header of the archive's first member, seconds since 1970.
func (b *builder) packageDate(p plan.Package) (int64, error) {
	path, err := b.Store.Path(blob(b.locked[p.SHA256]))
	if err != nil {
		return 0, fmt.Errorf("package %s: %w", p.Name, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	header := make([]byte, 36) // "!<arch>\n", a name of 16 bytes, a time of 12 (deb(5), ar(5))
	if _, err := f.ReadAt(header, 0); err != nil {
		return 0, fmt.Errorf("package %s: reading its header: %w", p.Name, err)
	}
	date, err := strconv.ParseInt(strings.TrimSpace(string(header[24:])), 10, 64)
	if err != nil || !bytes.HasPrefix(header, []byte("!<arch>\n")) {
		return 0, fmt.Errorf("package %s: it is no Debian package", p.Name)
	}
	return date, nil
}

func blob(p lock.Package) store.Blob {
	return store.Blob{Digest: store.Digest(p.SHA256), Size: p.Size}
}
