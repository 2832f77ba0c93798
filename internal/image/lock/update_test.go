package lock_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
)

// solved are the files in which apt's earlier choices are remembered.
func (d desk) solved(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d.apt, "solved/*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// mark renames the browser in all that is remembered, which shows whether a lock comes from there.
func (d desk) mark(t *testing.T, name string) (marked int) {
	t.Helper()
	for _, file := range d.solved(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "Package: browser\n") {
			continue
		}
		marked++
		marked := strings.Replace(string(text), "Package: browser\n", "Package: "+name+"\n", 1)
		key, _, _ := strings.Cut(filepath.Base(file), "-")
		named := filepath.Join(filepath.Dir(file), fmt.Sprintf("%s-%x.lock", key, sha256.Sum256([]byte(marked))))
		if err := errors.Join(os.Remove(file), os.WriteFile(named, []byte(marked), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return marked
}

func TestTheSameIndexesAreSolvedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	first := d.mustLock(t, "desk").String()
	if diff := cmp.Diff(first, d.mustLock(t, "desk").String()); diff != "" {
		t.Errorf("the second lock is another one (-first +second)\n%s", diff)
	}
	if n := d.mark(t, "as-remembered"); n != 1 {
		t.Errorf("%d memories know the browser, not one", n)
	}
	if _, there := d.mustLock(t, "desk").Find("as-remembered", lock.Additions); !there {
		t.Error("the same indexes were solved again")
	}

	for _, damaged := range []string{"Package: brow", strings.Replace(first, "Package: browser", "Package: cbrowser", 1)} {
		for _, file := range d.solved(t) {
			if err := os.WriteFile(file, []byte(damaged), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(first, d.mustLock(t, "desk").String()); diff != "" {
			t.Errorf("a damaged memory was used (-first +now)\n%s", diff)
		}
	}
}

// TestARespinIsSolvedOnTopOfItsImage shows that what the image asks for isn't solved again for a respin of it.
func TestARespinIsSolvedOnTopOfItsImage(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain+`
-- respins/ward/respin.yaml --
description: A desk on a ward
image: desk
packages:
  add: [office]
`)
	d.mustLock(t, "desk")
	d.mark(t, "as-remembered")
	l := d.mustLock(t, "ward")
	if _, there := l.Find("as-remembered", lock.Additions); !there {
		t.Error("the image was solved again for its respin")
	}
	if _, there := l.Find("office", lock.Respin); !there {
		t.Error("the respin's own package is missing")
	}
}

func TestANewIndexGivesANewLock(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.mustLock(t, "desk")
	d.Publish(strings.Replace(packages, "3.4+dfsg-1", "3.5-1", 1))
	toolkit, _ := d.mustLock(t, "desk").Find("toolkit", lock.Additions)
	if toolkit.Version != "1:3.5-1" {
		t.Errorf("toolkit %s is locked, not the archive's new one", toolkit.Version)
	}
	archivetest.Write(t, d.definitions, strings.Replace(plain, "- browser", "- notes", 1))
	if _, there := d.mustLock(t, "desk").Find("notes", lock.Additions); !there {
		t.Error("a changed definition got the lock of the old one")
	}
}

// TestAnArchiveThatCannotBeTrusted covers what each fault of an archive tells a person to do, and that neither a lock
// nor a memory of one comes of it: first by an apt that has no indexes yet, then by one that has earlier ones.
func TestAnArchiveThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil      func(desk)
		want, hint string
	}{
		"changed after it was signed": {
			func(d desk) { d.Tamper() },
			"BADSIG", "what came isn't what the archive signed, so nothing of it is used: --mirror names another mirror",
		},
		"signed by another key": {
			func(d desk) { d.ChangeKey() },
			"NO_PUBKEY", "this machine's keyring doesn't know the key: upgrade the package that holds it (debian-archive-keyring for Debian)",
		},
		"expired": {
			func(d desk) { d.Expire() },
			"is expired", "either the mirror is out of date or this machine's clock is: --mirror names another mirror",
		},
		"of other bytes than was signed": {
			func(d desk) { d.Break("/Packages", archivetest.Altered, archivetest.Always) },
			"Hash Sum mismatch", "the mirror may be in the middle of an update: try again in a few minutes, or name another one with --mirror",
		},
		"without a signature": {
			func(d desk) { d.Break("InRelease", archivetest.Missing, archivetest.Always) },
			"a Release file.", "is the mirror's address right? --mirror names another one, --lock FILE builds what was locked before",
		},
		"not to be reached": {
			func(d desk) { d.Close() },
			"Could not connect", "is the mirror reachable? --mirror names another one, --lock FILE builds what was locked before",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, before := range []string{"at first", "later"} {
				d := newDesk(t, plain)
				if before == "later" {
					d.mustLock(t, "desk")
					d.Publish(packages + "\nPackage: news\n")
				}
				remembered := d.solved(t)
				c.spoil(d)
				_, err := d.lock(t, "desk")
				if err == nil {
					t.Fatalf("%s: locked", before)
				}
				said := printed(err)
				if !strings.HasPrefix(said, "nhos: error: fetching the package indexes of summer: ") || !strings.Contains(said, c.want) {
					t.Errorf("%s: %q isn't said:\n%s", before, c.want, said)
				}
				if !strings.HasSuffix(said, "hint: "+c.hint+"\n") {
					t.Errorf("%s: the hint isn't %q:\n%s", before, c.hint, said)
				}
				if diff := cmp.Diff(remembered, d.solved(t)); diff != "" {
					t.Errorf("%s: what is remembered changed:\n%s", before, diff)
				}
			}
		})
	}
}

func TestFindMirrors(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]lock.Mirrors{
		"http://a.example/debian":                       {"main": "http://a.example/debian/", "security": "http://a.example/debian-security/"},
		"http://a.example/debian/":                      {"main": "http://a.example/debian/", "security": "http://a.example/debian-security/"},
		"http://a.example/debian,file:/srv/security":    {"main": "http://a.example/debian/", "security": "file:/srv/security/"},
		"https://a.example/d/,https://b.example/d-sec/": {"main": "https://a.example/d/", "security": "https://b.example/d-sec/"},
	} {
		got, err := lock.FindMirrors(t.Context(), definition.Base{}, setting, t.TempDir())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", setting, err, diff)
		}
	}
}

func TestAMissingKeyring(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	if err := os.Remove(filepath.Join(d.definitions, "bases/test/test.gpg")); err != nil {
		t.Fatal(err)
	}
	_, err := d.lock(t, "desk")
	if err == nil || !strings.Contains(printed(err), "the keyring of base test is missing") ||
		!strings.Contains(printed(err), "or put it into "+d.definitions+"/bases/test\n") {
		t.Errorf("Resolve = %s", printed(err))
	}
}

func TestAnInterruptedLock(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.Break("InRelease", archivetest.Silent, archivetest.Always)
	img, err := definition.Load(d.definitions, "desk")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for d.Requests("InRelease") == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	mirrors, _ := lock.FindMirrors(ctx, img.Base, d.Mirror(), t.TempDir())
	if _, err = lock.Resolve(ctx, img, mirrors, d.apt); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve = %v, which isn't an interruption", err)
	}
	if files := d.solved(t); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestNothingOfAptsIsOutsideItsFolder watches the folder for everybody's files while signatures are verified.
func TestNothingOfAptsIsOutsideItsFolder(t *testing.T) {
	d := newDesk(t, plain)
	everybodys := t.TempDir()
	t.Setenv("TMPDIR", everybodys)
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, everybodys, unix.IN_CREATE); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(d.apt, "tmp", "apt.sig.killed")
	if err := errors.Join(os.Mkdir(filepath.Dir(left), 0o755), os.WriteFile(left, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	d.mustLock(t, "desk")
	events := make([]byte, 4096)
	if n, err := unix.Read(fd, events); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("files were made in the folder of TMPDIR: %q, %v", events[:max(n, 0)], err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what an apt left that was killed is still there: %v", err)
	}
}

// TestAptReadsALock puts a lock where an archive has its Packages, and asks apt what it sees there.
func TestAptReadsALock(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	l := d.mustLock(t, "desk")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Packages"), []byte(l.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	apt := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(dir, "apt.conf"), "LC_ALL=C.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		return string(out)
	}
	conf := fmt.Sprintf(`Dir "%[1]s"; Dir::State "s"; Dir::State::status "%[1]s/status"; Dir::Cache "c"; Dir::Etc "e"; APT::Architecture "amd64";
APT::Architectures { "amd64"; }; Acquire::Languages "none"; APT::Sandbox::User "root";`, dir)
	for name, text := range map[string]string{"apt.conf": conf, "status": "", "e/sources.list": "deb [trusted=yes] copy:" + dir + " ./\n", "s/lists/partial/x": "", "c/x": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	apt("apt-get", "update")
	var want, ids []string
	for _, p := range l.Packages {
		want = append(want, fmt.Sprintf("%s %s %s %s %d SHA256:%s", p.Name, p.Version, p.Architecture, filepath.Base(p.Filename), p.Size, p.SHA256))
		ids = append(ids, p.ID())
	}
	var got []string
	for _, p := range l.Packages {
		fields := map[string]string{}
		for line := range strings.Lines(apt("apt-cache", "show", p.Name)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			fields[name] = value
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %s SHA256:%s", fields["Package"], fields["Version"], fields["Architecture"],
			filepath.Base(fields["Filename"]), fields["Size"], fields["SHA256"]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("apt reads it otherwise (-lock +apt)\n%s", diff)
	}
	// All that a lock names can be installed from it alone.
	installed := apt("apt-get", append([]string{"install", "--simulate", "--no-install-recommends"}, ids...)...)
	if n := strings.Count(installed, "\nInst ") + strings.Count(installed[:5], "Inst "); n != len(l.Packages) {
		t.Errorf("apt installs %d of %d packages from the lock:\n%s", n, len(l.Packages), installed)
	}
}
