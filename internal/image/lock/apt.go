package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

// An aptWorld is an apt of our own: sources, indexes and an imagined set of installed packages, in one folder. It
// reads nothing of this machine's apt but its proxies.
type aptWorld struct {
	dir string
}

const aptConf = `Dir "%[1]s";
Dir::State "state";
Dir::State::status "%[1]s/status";
Dir::Cache "cache";
Dir::Etc "etc";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Dir::Log "log";
APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Retries "2";
Acquire::http::Proxy::127.0.0.1 "DIRECT";
Acquire::http::Proxy::localhost "DIRECT";
Debug::NoLocking "true";
`

// tmpDir is below the folder, too.
const tmpDir = "tmp"

// newAptWorld lays out the folder for this base and these mirrors.
func newAptWorld(ctx context.Context, dir string, base definition.Base, mirrors Mirrors) (*aptWorld, error) {
	for _, sub := range []string{"etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "state/lists/partial", "cache/archives/partial", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("setting up apt: %w", err)
		}
	}
	// What apt writes while it verifies signatures lies here and not in everybody's folder: an apt that is killed leaves
	// it, and the next call removes it. Its methods run as a user of their own.
	tmp := filepath.Join(dir, tmpDir)
	if err := errors.Join(os.RemoveAll(tmp), os.Mkdir(tmp, 0o755), os.Chmod(tmp, 0o777|os.ModeSticky)); err != nil {
		return nil, fmt.Errorf("setting up apt: %w", err)
	}
	sources, proxies, err := Sources(ctx, base, mirrors)
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(aptConf, dir, base.Architecture) + proxies
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "etc/sources.list"), []byte(sources), 0o644),
		os.WriteFile(filepath.Join(dir, "apt.conf"), []byte(conf), 0o644))
	if err != nil {
		return nil, fmt.Errorf("setting up apt: %w", err)
	}
	return &aptWorld{dir}, nil
}

// Sources returns what apt has to be told to fetch a base's packages: the lines of its sources.list, and those of its
// configuration that say how this machine reaches the network.
func Sources(ctx context.Context, base definition.Base, mirrors Mirrors) (list, proxy string, err error) {
	keyring := filepath.Join(base.Dir, base.Keyring)
	if _, err := os.Stat(keyring); err != nil {
		keyring = filepath.Join("/usr/share/keyrings", base.Keyring)
	}
	if _, err := os.Stat(keyring); err != nil {
		return "", "", ui.Hint(
			fmt.Errorf("the keyring of base %s is missing: %w", base.Name, err),
			"install the package that holds it (debian-archive-keyring for Debian), or put it into "+base.Dir)
	}
	var b strings.Builder
	for _, p := range base.Pockets {
		fmt.Fprintf(&b, "deb [arch=%s signed-by=%s] %s %s %s\n", base.Architecture, keyring, mirrors[p.Archive], p.Suite, strings.Join(base.Components, " "))
	}
	return b.String(), proxies(ctx), nil
}

// proxies returns the lines of this machine's apt configuration that say how the network is reached.
func proxies(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "--format", `%F "%v";%n`, "Acquire::http", "Acquire::https").Output()
	if err != nil {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(string(out)) {
		if strings.Contains(strings.ToLower(line), "proxy") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// run runs one of apt's programs in this world and returns what it printed. Its error carries apt's own words.
func (a *aptWorld) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "TMPDIR="+filepath.Join(a.dir, tmpDir), "LC_ALL=C.UTF-8")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second // apt's own children may outlive it for a moment
	if err := child.Run(cmd); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("%s %s was interrupted: %w", program, args[0], context.Cause(ctx))
		}
		return out.String(), &aptError{program + " " + args[0], out.String(), errs.String(), err}
	}
	return out.String(), nil
}

// An aptError is a failed run of apt.
type aptError struct {
	what     string
	out, err string
	cause    error
}

func (e *aptError) Unwrap() error { return e.cause }

// Error gives apt's errors and what it has against a signature, or all that it printed on the error stream when
// nothing is marked as such.
func (e *aptError) Error() string {
	var said []string
	for line := range strings.Lines(e.err) {
		line = strings.TrimSpace(line)
		text, isError := strings.CutPrefix(line, "E: ")
		if !isError && strings.HasPrefix(line, "W: GPG error: ") {
			text, isError = line[len("W: "):], true
		}
		if isError && !strings.HasPrefix(text, "Some index files failed to download.") {
			said = append(said, text)
		}
	}
	if len(said) == 0 {
		if text := strings.TrimSpace(e.err); text != "" {
			said = append(said, text)
		}
		said = append(said, e.cause.Error())
	}
	return e.what + ": " + strings.Join(said, "; ")
}

// update fetches the indexes and checks their signatures.
func (a *aptWorld) update(ctx context.Context) error {
	_, err := a.run(ctx, "apt-get", "update", "--error-on=any")
	var failed *aptError
	if !errors.As(err, &failed) {
		return err
	}
	for _, r := range remedies {
		if slices.ContainsFunc(r.signs, func(sign string) bool { return strings.Contains(failed.err, sign) }) {
			return ui.Hint(err, r.hint)
		}
	}
	return ui.Hint(err, "is the mirror reachable? --mirror names another one, --lock FILE builds what was locked before")
}

// remedies are what to do when apt says one of these (apt's messages are those of LC_ALL=C.UTF-8; from version 3 on it
// asks sqv instead of gpgv).
var remedies = []struct {
	signs []string
	hint  string
}{
	{
		[]string{"NO_PUBKEY", "Missing key"},
		"this machine's keyring doesn't know the key: upgrade the package that holds it (debian-archive-keyring for Debian)",
	},
	{
		[]string{" is expired (", " is not valid yet ("},
		"either the mirror is out of date or this machine's clock is: --mirror names another mirror",
	},
	{
		[]string{"BADSIG", " is not signed.", "signature verification failed", "signatures were invalid"},
		"what came isn't what the archive signed, so nothing of it is used: --mirror names another mirror",
	},
	{
		[]string{"Hash Sum mismatch", "File has unexpected size"},
		"the mirror may be in the middle of an update: try again in a few minutes, or name another one with --mirror",
	},
	{
		[]string{" have a Release file.", " has a Release file."},
		"is the mirror's address right? --mirror names another one, --lock FILE builds what was locked before",
	},
}

// candidates reads the indexes: every version of every package, by name and version, and with the archive it is in.
func (a *aptWorld) candidates(ctx context.Context, mirrors Mirrors) (map[string]Package, error) {
	out, err := a.run(ctx, "apt-get", "indextargets", "--format", "$(CREATED_BY)|$(REPO_URI)|$(FILENAME)")
	if err != nil {
		return nil, fmt.Errorf("reading the package indexes: %w", err)
	}
	all := map[string]Package{}
	for line := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 3)
		if len(f) != 3 || f[0] != "Packages" {
			continue
		}
		archive := "main"
		if strings.TrimSuffix(f[1], "/")+"/" == mirrors["security"] {
			archive = "security"
		}
		if err := readIndex(f[2], archive, all); err != nil {
			return nil, fmt.Errorf("reading the package indexes: %w", err)
		}
	}
	return all, nil
}

func readIndex(file, archive string, all map[string]Package) error {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil // an index that the archive lists and that is empty isn't kept
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return readStanzas(f, func(line int, s stanza) error {
		p, err := newPackage(s)
		if err != nil {
			return fmt.Errorf("%s: line %d: %w", file, line, err)
		}
		p.Archive = archive
		p.stanza = p.index() // descriptions and the like of a whole archive take hundreds of megabytes
		if _, known := all[p.ID()]; !known {
			all[p.ID()] = p
		}
		return nil
	})
}

// writeStatus makes apt believe that just these packages are installed.
func (a *aptWorld) writeStatus(installed []Package) error {
	var b strings.Builder
	for _, p := range installed {
		p.index().write(&b)
		b.WriteString("Status: install ok installed\n\n")
	}
	return os.WriteFile(filepath.Join(a.dir, "status"), []byte(b.String()), 0o644)
}

// A solution is what apt would do.
type solution struct {
	install []string // IDs
	remove  []string // names
}

var (
	// What apt would fetch: 'URI' NAME_VERSION_ARCHITECTURE.deb SIZE DIGEST, the version's colon written as %3a.
	fetched = regexp.MustCompile(`^'[^']+' ([a-z0-9][a-z0-9+.-]+)_([^_ ]+)_([a-z0-9-]+)\.deb `)
	// What it would remove, one a line below its heading: "   NAME (VERSION)" or "   NAME", with ":ARCHITECTURE" for a foreign one.
	removed = regexp.MustCompile(`^   ([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9]+)?\s`)
)

// solve asks apt what installing add and doing without remove would take. add may hold patterns (apt-patterns(7)).
//
// It asks for what apt would fetch, not for a simulation: that one looks at every package of the archive for each
// package that it would install, and takes ten times as long.
func (a *aptWorld) solve(ctx context.Context, add, remove []string) (solution, error) {
	args := []string{"install", "--print-uris", "--verbose-versions", "--no-install-recommends"}
	args = append(args, add...)
	for _, name := range remove {
		args = append(args, name+"-")
	}
	out, err := a.run(ctx, "apt-get", args...)
	if err != nil {
		return solution{}, err
	}
	return readSolution(out), nil
}

func readSolution(out string) solution {
	var s solution
	removing := false
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, " ") {
			removing = strings.HasPrefix(line, "The following packages will be REMOVED:")
		}
		if m := fetched.FindStringSubmatch(line); m != nil {
			s.install = append(s.install, m[1]+":"+m[3]+"="+strings.ReplaceAll(m[2], "%3a", ":"))
		} else if m := removed.FindStringSubmatch(line); removing && m != nil {
			s.remove = append(s.remove, m[1])
		}
	}
	return s
}
