package lock

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// KeptNames returns the names of packages that begin with prefix, from what earlier calls of [Resolve] keep in the
// folders of dir. It is for completion by a shell: quick, it changes nothing, and where it can't know it returns none.
func KeptNames(ctx context.Context, dir, prefix string) (names []string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	confs, _ := filepath.Glob(filepath.Join(dir, "*", "apt.conf"))
	for _, conf := range confs {
		cmd := exec.CommandContext(ctx, "apt-cache", "--no-generate", "pkgnames", "--", prefix)
		cmd.Env = append(cmd.Environ(), "APT_CONFIG="+conf)
		out, err := cmd.Output()
		if err == nil {
			names = append(names, strings.Fields(string(out))...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
