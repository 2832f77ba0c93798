package lock

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

// Mirrors are the URIs that packages come from, by the name of the archive: "main" and "security". They end in a slash.
type Mirrors map[string]string

// FindMirrors returns where the base's packages come from. setting is "auto", or the URI of the main archive, which
// may be followed by a comma and that of the security archive; left out, that one is the first's with "-security".
//
// "auto" takes the package sources that this machine's own apt is set up with for the same distribution. dir is a folder
// for apt's cache of them: some machines are set up to keep none, and then apt reads every index to name them.
func FindMirrors(ctx context.Context, base definition.Base, setting, dir string) (Mirrors, error) {
	if setting != "auto" {
		first, security, both := strings.Cut(setting, ",")
		first = strings.TrimSuffix(first, "/")
		if !both {
			security = first + "-security"
		}
		return Mirrors{"main": first + "/", "security": strings.TrimSuffix(security, "/") + "/"}, nil
	}
	_ = os.MkdirAll(dir, 0o755) // where it can't be made, apt keeps no cache
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)",
		"-o", "Dir::Cache="+dir, "-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin").Output()
	if err != nil {
		return nil, fmt.Errorf("asking this machine's apt for its package sources: %w", err)
	}
	m := readTargets(string(out), base.Distribution)
	if m["main"] == "" {
		return nil, ui.Hint(
			fmt.Errorf("this machine's apt has no package source of %s, so mirror: auto finds none", base.Distribution),
			"run apt-get update first if it is set up, or name one: --mirror URI, NHOS_MIRROR, or mirror: in the definition")
	}
	if m["security"] == "" {
		m["security"] = strings.TrimSuffix(m["main"], "/") + "-security/"
	}
	return m, nil
}

// readTargets picks the main and the security archive of a distribution from apt's list of index targets.
func readTargets(out, distribution string) Mirrors {
	m := Mirrors{}
	for line := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 4)
		if len(f) != 4 || f[0] != "Packages" {
			continue
		}
		origin, label := f[1], f[2]
		if strings.HasPrefix(origin, "$(") {
			// Before its first update, apt knows no more of an archive than where it is.
			origin, label = distribution, path.Base(strings.TrimSuffix(f[3], "/"))
		}
		archive := "main"
		if strings.EqualFold(label, distribution+"-security") {
			archive = "security"
		} else if !strings.EqualFold(label, distribution) {
			continue // backports and other labels
		}
		if !strings.EqualFold(origin, distribution) {
			continue
		}
		if m[archive] == "" {
			m[archive] = strings.TrimSuffix(f[3], "/") + "/"
		}
	}
	return m
}
