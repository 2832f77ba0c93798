//go:build boot || acceptance

package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nowhere is a mirror that nothing can be fetched from.
const nowhere = "http://127.0.0.1:1/"

// repeats builds an image twice, each time in a fresh store that was filled from one archive of packages.
//
// The second time the definitions, the store and the results are in folders with other and longer names, on a file
// system that lists folders in another order; umask, host name, time zone, language and home are others, there is
// one processor, and the programs that nhos starts with its own environment believe that it is years later. mmdebstrap
// and what runs in the image see the real clock: nothing in the image may know the day that it was built on.
func repeats(t *testing.T, id string) {
	first := nhos{t, repository, t.TempDir()}
	dir := t.TempDir()
	lock, archive := filepath.Join(dir, "lock"), filepath.Join(dir, "packages.tar")
	first.done("lock", id, "-o", lock)
	first.done("store", "export", id, "--lock", lock, "-o", archive)

	began := time.Now()
	store := filepath.Join(dir, "store")
	first.done("--store", store, "store", "import", archive)
	first.done("--store", store, "build", id, "--lock", lock, "--mirror", nowhere)

	elsewhere := filepath.Join(dir, "somewhere else altogether")
	first.elsewhere(elsewhere, id, lock, archive)
	_, said, code := first.call("compare", filepath.Join(first.out, id), filepath.Join(elsewhere, "out", id))
	if code != 0 {
		t.Errorf("the two builds differ:\n%s", said)
	}
	forgets(t, filepath.Join(first.out, id), began)
}

// done calls nhos and wants it to succeed.
func (n nhos) done(args ...string) {
	n.t.Helper()
	if _, all, code := n.call(args...); code != 0 {
		n.t.Fatalf("nhos %s gave exit code %d:\n%s", strings.Join(args, " "), code, all)
	}
}

// elsewhere builds an image below dir. The mounts, among them the loop device, end with the shell's namespace.
func (n nhos) elsewhere(dir, id, lock, archive string) {
	n.t.Helper()
	from, err := filepath.Abs(n.definitions)
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "--uts", "sh", "-euc", `
program=$1 from=$2 dir=$3 id=$4 lock=$5 archive=$6
mkdir -p "$dir/disk" "$dir/out"
truncate -s 24G "$dir/disk.ext4"
mkfs.ext4 -q -E lazy_itable_init=1,hash_seed=3f0c8bd0-5a4b-4b1e-9d0e-0123456789ab "$dir/disk.ext4"
mount -o loop "$dir/disk.ext4" "$dir/disk"
definitions="$dir/disk/definitions of another organisation"
mkdir "$definitions"
for part in respins images features bases; do cp -r "$from/$part" "$definitions/"; done
hostname elsewhere
umask 077
export TZ=Pacific/Kiritimati LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 HOME="$dir" USER=somebody NHOS_STORE="$dir/disk/a store with a long name"
cd "$dir"
"$program" store import "$archive"
# Not by the program faketime, which leaves file descriptors behind that mmdebstrap's shells can't number.
later="LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) FAKETIME=+1500d"
processor=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
env $later taskset -c "$processor" "$program" --definitions "$definitions" --out "$dir/out" build "$id" --lock "$lock" --store-max 0 --mirror `+nowhere,
		"sh", os.Getenv("NHOS"), from, dir, id, lock, archive)
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("building %s elsewhere: %v\n%s", id, err, out)
	}
	if !bytes.Contains(out, []byte("[store] done in ")) || !bytes.Contains(out, []byte(" B stay\n")) {
		n.t.Errorf("the build didn't hold the store to its size:\n%s", out)
	}
}

// forgets wants no file of an image's layers to know the day that it was built on.
func forgets(t *testing.T, out string, began time.Time) {
	t.Helper()
	isos, err := filepath.Glob(filepath.Join(out, "*.iso"))
	if err != nil || len(isos) != 1 {
		t.Fatalf("%v, %v", isos, err)
	}
	tree := t.TempDir()
	if said, err := exec.Command("xorriso", "-osirrox", "on", "-indev", isos[0], "-extract", "/live", tree).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	layers, err := filepath.Glob(filepath.Join(tree, "*.squashfs"))
	if err != nil || len(layers) == 0 {
		t.Fatalf("%v, %v", layers, err)
	}
	for _, layer := range layers {
		cmd := exec.Command("unsquashfs", "-quiet", "-no-progress", "-pf", "/dev/fd/3", layer)
		pipe, theirs, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = []*os.File{theirs}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		theirs.Close()
		for _, found := range dates(t, pipe, began) {
			t.Errorf("%s knows when it was built: …%s…", filepath.Base(layer), found)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// dates finds the day in a stream, written in one of the usual ways.
func dates(t *testing.T, r io.Reader, day time.Time) (found []string) {
	t.Helper()
	var words []string
	for _, d := range []time.Time{day.UTC(), time.Now().UTC()} {
		words = append(words, d.Format("2006-01-02"), d.Format("20060102"), d.Format("2 Jan 2006"), d.Format("Jan 2, 2006"), d.Format("Jan _2 15:04"))
	}
	in := bufio.NewReaderSize(r, 1<<20)
	const overlap = 64
	var kept []byte
	for {
		piece := make([]byte, 1<<20)
		n, err := io.ReadFull(in, piece)
		window := append(kept, piece[:n]...)
		for _, w := range words {
			if i := bytes.Index(window, []byte(w)); i >= 0 && len(found) < 10 {
				found = append(found, fmt.Sprintf("%q", window[max(0, i-80):min(len(window), i+80)]))
			}
		}
		kept = bytes.Clone(window[max(0, len(window)-overlap):])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
