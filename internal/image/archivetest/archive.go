// Package archivetest gives tests a Debian archive of their own: small, real, signed, and served on the loopback.
//
// What is in it is said in the syntax of a control file, a paragraph a package:
//
//	archive := archivetest.New(t, `
//	Package: tea
//	Depends: milk (>= 1.0)
//
//	Package: milk
//	Archive: security
//	`)
//
// The packages are made by dpkg-deb and the signatures by gpg, so apt takes the archive for what it is. Faults make the
// server misbehave for some paths: see [Archive.Break], [Archive.Expire], [Archive.Tamper] and [Archive.Close].
package archivetest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the archive calls itself.
const (
	Distribution = "example"
	Suite        = "summer"
	Architecture = "amd64"
)

// Built is the date that every package says it was built on, in seconds since 1970.
const Built = 1_700_000_000

// A Package is one that exists already.
type Package struct {
	Security bool   // it is in the security archive
	Filename string // below the archive's root
	Index    string // its stanza in the index
	File     string // the .deb on this machine
}

// An Archive is a main archive and a security archive on one server.
type Archive struct {
	t      testing.TB
	dir    string
	suite  string
	mirror []deb // packages that exist already
	gpg    gpg
	server *httptest.Server
	debs   map[string]deb // by paragraph

	mu       sync.Mutex
	files    map[string][]byte // by path on the server
	faults   []*fault
	pause    time.Duration
	requests map[string]int
	running  int
	most     int

	paragraphs string
	validUntil time.Time
	tampered   bool
}

// New makes an archive of these packages and serves it until the test ends.
func New(t testing.TB, paragraphs string) *Archive {
	t.Helper()
	return NewOf(t, Suite, nil, paragraphs)
}

// NewOf is New for another suite and with packages that exist already, as a mirror of a real archive has them.
func NewOf(t testing.TB, suite string, packages []Package, paragraphs string) *Archive {
	t.Helper()
	a := &Archive{t: t, dir: t.TempDir(), suite: suite, gpg: newGPG(t), debs: map[string]deb{}, requests: map[string]int{}}
	for _, p := range packages {
		d := deb{archive: "debian", filename: p.Filename, index: p.Index}
		if p.Security {
			d.archive = "debian-security"
		}
		var err error
		if d.bytes, err = os.ReadFile(p.File); err != nil {
			t.Fatal(err)
		}
		a.mirror = append(a.mirror, d)
	}
	a.Publish(paragraphs)
	a.server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// Mirror is the URI of the main archive. That of the security archive is the same with "-security" after it, which is
// where it is looked for when none is named.
func (a *Archive) Mirror() string { return a.server.URL + "/debian" }

// Keyring is the file that signatures are held against.
func (a *Archive) Keyring() string { return a.gpg.keyring }

// Close stops the server: from then on the archive can't be reached.
func (a *Archive) Close() {
	a.server.CloseClientConnections()
	a.server.Close()
}

// Publish replaces what is in the archive.
//
// A paragraph may leave out Version (1.0), Architecture (amd64) and what else a package must have. Archive: security
// puts it into the security archive; File: NAME gives the .deb another name than its usual one.
func (a *Archive) Publish(paragraphs string) {
	a.t.Helper()
	a.paragraphs = paragraphs
	files := map[string][]byte{}
	indexes := map[string]string{"debian": "", "debian-security": ""}
	debs := slices.Clone(a.mirror)
	for _, paragraph := range strings.Split(strings.TrimSpace(paragraphs), "\n\n") {
		if paragraph == "" {
			continue
		}
		d, known := a.debs[paragraph]
		if !known {
			d = a.build(paragraph)
			a.debs[paragraph] = d
		}
		debs = append(debs, d)
	}
	for _, d := range debs {
		files[d.archive+"/"+d.filename] = d.bytes
		indexes[d.archive] += d.index + "\n"
	}
	for archive, index := range indexes {
		dir := "dists/" + a.suiteOf(archive)
		packages := "main/binary-" + Architecture + "/Packages"
		files[archive+"/"+dir+"/"+packages] = []byte(index)
		release := a.release(archive, packages, index)
		signed := a.gpg.sign(a.t, release)
		if a.tampered {
			signed = strings.Replace(signed, "Label: Example", "Label: EXAMPLE", 1)
		}
		files[archive+"/"+dir+"/InRelease"] = []byte(signed)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files = files
}

func (a *Archive) suiteOf(archive string) string {
	return a.suite + strings.TrimPrefix(archive, "debian")
}

// release is the text that is signed: it names the digest of the index.
func (a *Archive) release(archive, packages, index string) string {
	label := "Example"
	if archive != "debian" {
		label = "Example-Security"
	}
	date := func(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC") }
	text := fmt.Sprintf("Origin: Example\nLabel: %s\nSuite: %s\nCodename: %s\nDate: %s\n", label, a.suiteOf(archive), a.suiteOf(archive),
		date(time.Now().Add(-48*time.Hour)))
	if !a.validUntil.IsZero() {
		text += "Valid-Until: " + date(a.validUntil) + "\n"
	}
	return text + fmt.Sprintf("Architectures: %s\nComponents: main\nSHA256:\n %x %d %s\n", Architecture,
		sha256.Sum256([]byte(index)), len(index), packages)
}

// Expire publishes the same packages by release files that were valid until yesterday.
func (a *Archive) Expire() {
	a.t.Helper()
	a.validUntil = time.Now().Add(-24 * time.Hour)
	a.Publish(a.paragraphs)
}

// Tamper publishes the same packages by release files that were changed after they were signed.
func (a *Archive) Tamper() {
	a.t.Helper()
	a.tampered = true
	a.Publish(a.paragraphs)
}

// ChangeKey publishes the same packages with the signature of a key that [Archive.Keyring] doesn't have.
func (a *Archive) ChangeKey() {
	a.t.Helper()
	a.gpg = newGPG(a.t)
	a.Publish(a.paragraphs)
}

// A deb is a package with its stanza in the index.
type deb struct {
	archive  string // "debian" or "debian-security"
	filename string
	bytes    []byte
	index    string
}

// build makes the package of a paragraph.
func (a *Archive) build(paragraph string) deb {
	a.t.Helper()
	fields := map[string]string{
		"Version": "1.0", "Architecture": Architecture, "Maintainer": "Nobody <nobody@example.org>", "Description": "a package for tests",
	}
	for line := range strings.Lines(paragraph) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			a.t.Fatalf("archivetest: %q is no field", line)
		}
		fields[name] = strings.TrimSpace(value)
	}
	name := fields["Package"]
	d := deb{archive: "debian"}
	if fields["Archive"] == "security" {
		d.archive = "debian-security"
	}
	file := fields["File"]
	if file == "" {
		file = fmt.Sprintf("%s_%s_%s.deb", name, fields["Version"], fields["Architecture"])
	}
	d.filename = "pool/main/" + name[:1] + "/" + name + "/" + file
	delete(fields, "Archive")
	delete(fields, "File")
	var control strings.Builder
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&control, "%s: %s\n", field, fields[field])
	}

	root, err := os.MkdirTemp(a.dir, name+"-")
	if err != nil {
		a.t.Fatal(err)
	}
	write(a.t, filepath.Join(root, "DEBIAN/control"), control.String())
	write(a.t, filepath.Join(root, "usr/share", name, "README"), "Nothing but a README, in version "+fields["Version"]+".\n")
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "--build", root, root+".deb")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", Built))
	run(a.t, cmd)
	if d.bytes, err = os.ReadFile(root + ".deb"); err != nil {
		a.t.Fatal(err)
	}
	d.index = control.String() + fmt.Sprintf("Filename: %s\nSize: %d\nSHA256: %x\n", d.filename, len(d.bytes), sha256.Sum256(d.bytes))
	return d
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs cmd and returns its standard output.
func run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, said.String())
	}
	return string(out)
}
