package compare

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lay runs a script in a new folder and returns the folder.
func lay(t testing.TB, script string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// squash packs a folder, all times the same unless the script sets them.
func squash(t testing.TB, dir string, options ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer.squashfs")
	args := append([]string{dir, file, "-noappend", "-quiet", "-no-progress", "-mkfs-time", "0"}, options...)
	if out, err := exec.Command("mksquashfs", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

const root = `
umask 022
chmod 755 .
mkdir -p etc usr/bin "a folder"
echo desk >etc/hostname
echo program >usr/bin/run
chmod 4755 usr/bin/run
ln usr/bin/run usr/bin/also
ln -s ../bin/run usr/link
mkfifo etc/pipe
mknod usr/gone c 0 0
printf 'tea\n' >"a folder/with \\ a
strange name"
printf '' >etc/empty
seq 200000 >etc/long
`

const settle = `
find . -exec touch -h -d @1700000000 {} +
`

func open(t *testing.T, path string) part {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return part{f, 0, path}
}

// TestReadSquashfs holds what is read against what the kernel says of the folder.
func TestReadSquashfs(t *testing.T) {
	dir := lay(t, root+settle)
	if err := unix.Setxattr(filepath.Join(dir, "etc/hostname"), "user.note", []byte("hot\x00"), 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(filepath.Join(dir, "a folder"), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
	got, err := readSquashfs(t.Context(), open(t, squash(t, dir, "-comp", "zstd")))
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		names++
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		want := entry{
			Type: map[uint32]byte{unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c', unix.S_IFIFO: 'p'}[st.Mode&unix.S_IFMT],
			Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Time: st.Mtim.Sec,
		}
		e := got[name]
		if e == nil {
			t.Errorf("%q is missing", name)
			return nil
		}
		if want.Type == '-' {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			if want.Size, want.SHA256, err = sum(f); err != nil {
				return err
			}
		}
		switch name {
		case "usr/gone":
			want.Device = "0:0"
		case "usr/link":
			want.Target = "../bin/run"
		case "usr/bin/run":
			want.Link = "usr/bin/also" // mksquashfs takes the names in order
		case "etc/hostname":
			want.Xattrs = map[string]string{"note": "hot\x00"}
		case "a folder":
			want.Xattrs = map[string]string{"overlay.opaque": "y"}
		}
		if fmt.Sprint(*e) != fmt.Sprint(want) {
			t.Errorf("%q is read as %v, not %v", name, *e, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if names != len(got) {
		t.Errorf("%d entries were read, not %d", len(got), names)
	}
}

// TestEveryDifferenceIsNamed makes one change after the other.
func TestEveryDifferenceIsNamed(t *testing.T) {
	before := squash(t, lay(t, root+settle))
	for name, c := range map[string]struct{ change, want string }{
		"nothing":    {"", ""},
		"content":    {"echo dusk >etc/hostname" + settle, "etc/hostname content 5 bytes,"},
		"added":      {"echo new >etc/zzz" + settle, "etc/zzz added"},
		"removed":    {"rm etc/empty" + settle, "etc/empty removed file, 0 bytes,"},
		"mode":       {"chmod 755 usr/bin/run" + settle, "usr/bin/also mode 4755 0755"},
		"root mode":  {"chmod 700 ." + settle, ". mode 0755 0700"},
		"owner":      {"chown 33:0 etc" + settle, "etc owner 0:0 33:0"},
		"time":       {settle + "touch -d @1700000001 etc/long", "etc/long time 2023-11-14 22:13:20 2023-11-14 22:13:21"},
		"target":     {"ln -sfn ../bin/also usr/link" + settle, "usr/link target ../bin/run ../bin/also"},
		"type":       {"rm etc/pipe; mkdir etc/pipe; chmod 644 etc/pipe" + settle, "etc/pipe type pipe directory"},
		"device":     {"rm usr/gone; mknod usr/gone c 1 3" + settle, "usr/gone device 0:0 1:3"},
		"link":       {"rm usr/bin/run; cp -p usr/bin/also usr/bin/run" + settle, "usr/bin/run link usr/bin/also "},
		"attributes": {settle, `etc/long xattrs  a="b"`},
	} {
		t.Run(name, func(t *testing.T) {
			changed := lay(t, root+settle+c.change)
			if name == "attributes" {
				if err := unix.Setxattr(filepath.Join(changed, "etc/long"), "user.a", []byte("b"), 0); err != nil {
					t.Fatal(err)
				}
			}
			r, err := Run(t.Context(), before, squash(t, changed))
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			for _, d := range r.Differences {
				fmt.Fprintln(&said, d.Path, d.What, d.A, d.B)
			}
			if r.Identical != (c.want == "") || !strings.Contains(said.String(), c.want) || len(r.Differences) > 1 {
				t.Errorf("identical: %v; it says\n%s, not %q", r.Identical, said.String(), c.want)
			}
		})
	}
}

func TestAnotherPackingOfTheSameFilesIsSaid(t *testing.T) {
	dir := lay(t, root)
	r, err := Run(t.Context(), squash(t, dir), squash(t, dir, "-b", "64K"))
	if err != nil || r.Identical || len(r.Differences) != 1 || !strings.Contains(r.Differences[0].B, "how they are packed isn't") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestADamagedLayerIsAnError(t *testing.T) {
	file := squash(t, lay(t, root))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{5, 96, len(whole) / 2} {
		cut := filepath.Join(t.TempDir(), "cut.squashfs")
		if err := os.WriteFile(cut, whole[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := Run(context.Background(), file, cut); err == nil {
			t.Errorf("cut to %d bytes: %+v", size, r)
		}
	}
}

// FuzzReadPseudo wants no panic, and of what is taken every file digested.
func FuzzReadPseudo(f *testing.F) {
	end := "# " + startOfData + "\n#\n"
	f.Add([]byte("/ D 0 755 0 0\na\\ b R 1700000000 4755 0 0 3 0 0\nc L a\\ b\nl S 1 777 0 0 to here\nd C 1 0 0 0 0 0\np I 1 644 0 0 f\n" + end + "tea"))
	f.Add([]byte("/ D 0 755 0 0\n" + end))
	f.Add([]byte("a R 0 644 0 0 9223372036854775807 0 0\n" + end))
	f.Add([]byte("a L a\n" + end))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := readPseudo(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		for name, e := range got {
			if e == nil || types[e.Type] == "" || e.Type == '-' && len(e.SHA256) != 64 {
				t.Errorf("%q is %v", name, e)
			}
		}
	})
}
