package write_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/rescue/sticktest"
	"nhos.org/nhos/internal/rescue/write"
	"nhos.org/nhos/internal/ui"
)

const mib = 1 << 20

// isoSize ends within a piece, and not on a border of 4096 bytes.
const isoSize = 21*mib + 3*2048

var stickware = sticktest.Hardware{Bus: "usb", Vendor: "Acme", Model: "Flash", Serial: "0042", Removable: true}

var silent = ui.NewProgress(io.Discard, ui.Silent)

// made is the ISO of all tests, which none of them changes.
var made = sync.OnceValue(func() []byte { return sticktest.ISO(isoSize) })

// open writes an ISO to a file and opens it as an image.
func open(t *testing.T) (*write.Image, []byte) {
	t.Helper()
	iso := made()
	path := filepath.Join(t.TempDir(), "test.iso")
	if err := os.WriteFile(path, iso, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(iso)
	image, err := write.Open(t.Context(), path, hex.EncodeToString(sum[:]), silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { image.Close() })
	return image, iso
}

// watch fails the test if one of two sticks is changed that nobody names.
func watch(t *testing.T) {
	t.Helper()
	const size = 4 * mib
	neighbours := []*sticktest.Stick{sticktest.New(t, size), sticktest.New(t, size)}
	before := make([][]byte, len(neighbours))
	for i, n := range neighbours {
		before[i] = n.Bytes(t, 0, size)
	}
	t.Cleanup(func() {
		for i, n := range neighbours {
			if !bytes.Equal(n.Bytes(t, 0, size), before[i]) {
				t.Errorf("%s was written to, which nobody named", n.Path)
			}
		}
	})
}

func empty(b []byte) bool { return len(bytes.TrimRight(b, "\x00")) == 0 }

func TestWrite(t *testing.T) {
	watch(t)
	image, iso := open(t)
	var mu sync.Mutex
	var order []int64
	stick := sticktest.Faulty(t, 64*mib, sticktest.Watched(func(off, _ int64) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, off)
	}))
	m := sticktest.NewMachine(t, t.TempDir())
	m.Plug(t, stick, stickware)
	m.Part(t, filepath.Base(stick.Path), 1, "259:1", 4*mib, 36*mib) // ends behind the image
	m.Part(t, filepath.Base(stick.Path), 2, "259:2", 40*mib, 12*mib)
	d, err := m.Find(stick.Path)
	if err != nil || len(d.Parts) != 2 {
		t.Fatal(d, err)
	}
	name := filepath.Base(stick.Path)
	stale := filepath.Join("/sys/block", name, name+"p5")
	if out, err := exec.Command("addpart", stick.Path, "5", "4096", "2048").CombinedOutput(); err != nil {
		t.Fatalf("addpart: %v\n%s", err, out)
	}
	if _, err := os.Stat(stale); err != nil {
		t.Fatal(err)
	}
	old := stick.Bytes(t, 46*mib, 4096) // of no partition's head or end
	results, err := write.Run(t.Context(), image, []device.Device{d}, m.Machine, silent)
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.State != write.Written || r.Bytes != isoSize || r.Serial != "0042" || r.SHA256 != image.SHA256 {
		t.Errorf("it says %+v", r)
	}
	if !bytes.Equal(stick.Bytes(t, 0, isoSize), iso) {
		t.Error("what is on the stick isn't the image")
	}
	for what, offset := range map[string]int64{"behind the image": (isoSize + 511) / 512 * 512, "the end": 63 * mib, "the old partition": 40 * mib, "its end": 51 * mib} {
		if !empty(stick.Bytes(t, offset, mib)) {
			t.Errorf("%s isn't emptied", what)
		}
	}
	if !bytes.Equal(stick.Bytes(t, 46*mib, 4096), old) {
		t.Error("what is in nobody's way was written over")
	}
	// The beginning is written first and last, and not between.
	ofHead := func(off int64) bool { return off < mib }
	first := slices.IndexFunc(order, func(off int64) bool { return off >= mib })
	last := len(order)
	for last > 0 && ofHead(order[last-1]) {
		last--
	}
	if first <= 0 || last == len(order) || slices.ContainsFunc(order[first:last], ofHead) {
		t.Errorf("the order of writes is %d", order)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("the kernel believes the old partition table: %v", err)
	}
}

// A fault is what is wrong with a stick, and what has to be said of it.
type fault struct {
	// flash is the stick; what calls pull is forgotten by the kernel at that moment.
	flash func(pull func()) func(sticktest.Flash) sticktest.Flash
	check func(t *testing.T, err error, r write.Result)
	// early says that it has to be found before the image is written.
	early bool
}

func says(words ...string) func(*testing.T, error, write.Result) {
	return func(t *testing.T, err error, r write.Result) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("the error doesn't say %q: %v", w, err)
			}
		}
	}
}

func differsAt(offset int64) func(*testing.T, error, write.Result) {
	return func(t *testing.T, err error, _ write.Result) {
		t.Helper()
		var different *write.DifferenceError
		if !errors.As(err, &different) || different.Offset != offset || different.Want^different.Got != 0x10 {
			t.Errorf("not a bit of byte %d, but %v", offset, err)
		}
	}
}

func holds(atMost int64, wraps bool) func(*testing.T, error, write.Result) {
	return func(t *testing.T, err error, r write.Result) {
		t.Helper()
		var fake *write.FakeError
		if !errors.As(err, &fake) || fake.HoldsBytes > atMost || fake.HoldsBytes != r.HoldsBytes || fake.Wraps != wraps {
			t.Errorf("not a stick of %d bytes at most, but %v", atMost, err)
		}
	}
}

func always(f func(sticktest.Flash) sticktest.Flash) func(func()) func(sticktest.Flash) sticktest.Flash {
	return func(func()) func(sticktest.Flash) sticktest.Flash { return f }
}

func TestFaults(t *testing.T) {
	for name, f := range map[string]fault{
		"wraps at its half":          {flash: always(sticktest.Wrapping(32 * mib)), check: holds(32*mib, true), early: true},
		"wraps at a power of two":    {flash: always(sticktest.Wrapping(8 * mib)), check: holds(8*mib, true), early: true},
		"loses the upper half":       {flash: always(sticktest.Losing(32*mib, 0)), check: holds(36*mib, false), early: true},
		"loses, with a small cache":  {flash: always(sticktest.Losing(25*mib, 8)), check: holds(63*mib, false), early: true},
		"loses, with a larger cache": {flash: always(sticktest.Losing(40*mib, 40)), check: holds(63*mib, false)},
		"is pulled out": {
			flash: func(pull func()) func(sticktest.Flash) sticktest.Flash { return sticktest.Breaking(10*mib, pull) },
			check: says("which is unusable now: it was pulled out: "),
		},
		"is pulled out at once": {
			flash: func(pull func()) func(sticktest.Flash) sticktest.Flash { return sticktest.Breaking(0, pull) },
			check: says("which is unusable now: it was pulled out: ", "writing at byte 0: no such device"), early: true,
		},
		"breaks":                  {flash: always(sticktest.Breaking(10*mib, nil)), check: says("which is unusable now: writing at byte ", "no such device")},
		"flips a bit":             {flash: always(sticktest.Flipping(17*mib + 5)), check: differsAt(17*mib + 5)},
		"flips a bit of a mark":   {flash: always(sticktest.Flipping(13*mib + 1000)), check: differsAt(13*mib + 1000)},
		"flips a bit at its end":  {flash: always(sticktest.Flipping(isoSize - 1)), check: differsAt(isoSize - 1)},
		"flips a bit behind that": {flash: always(sticktest.Flipping(isoSize + 512)), check: differsAt(isoSize + 512)},
		"flips a bit at once":     {flash: always(sticktest.Flipping(700)), check: says("it doesn't keep what is written to it"), early: true},
		"is worn out":             {flash: always(sticktest.Worn), check: says("it doesn't keep what is written to it"), early: true},
		"breaks at the very last": {flash: always(func(f sticktest.Flash) sticktest.Flash { return &lastMoment{Flash: f} }), check: says("writing at byte 0")},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t)
			image, iso := open(t)
			m := sticktest.NewMachine(t, t.TempDir())
			// The stick answers on a goroutine of its own.
			var written atomic.Int64
			var node atomic.Value
			faulty := f.flash(func() { m.Pull(t, node.Load().(string)) })
			stick := sticktest.Faulty(t, 64*mib, func(flash sticktest.Flash) sticktest.Flash {
				return sticktest.Watched(func(_, n int64) { written.Add(n) })(faulty(flash))
			})
			node.Store(filepath.Base(stick.Path))
			d := m.Plug(t, stick, stickware)
			results, err := write.Run(t.Context(), image, []device.Device{d}, m.Machine, silent)
			r := results[0]
			if err == nil || r.State != write.Unusable || r.Error == "" || r.Hint == "" || r.SHA256 != "" {
				t.Fatalf("it says %+v, %v", r, err)
			}
			f.check(t, err, r)
			if f.early && written.Load() > 3*mib {
				t.Errorf("it was found after %d bytes were written", written.Load())
			}
			if name != "is worn out" && name != "is pulled out at once" && bytes.Equal(stick.Bytes(t, 0, 512), iso[:512]) {
				t.Error("a computer would start from it")
			}
		})
	}
}

// lastMoment fails when its first MiB is written for the second time, and has taken it all the same.
type lastMoment struct {
	sticktest.Flash
	beginnings int
}

func (l *lastMoment) WriteAt(p []byte, off int64) (int, error) {
	if off == 0 {
		l.beginnings++
	}
	n, err := l.Flash.WriteAt(p, off)
	if l.beginnings == 2 && off < mib {
		return 0, unix.EIO
	}
	return n, err
}

// Ctrl-C leaves a stick that doesn't start.
func TestInterrupted(t *testing.T) {
	watch(t)
	image, iso := open(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var written atomic.Int64
	stick := sticktest.Faulty(t, 64*mib, sticktest.Watched(func(_, n int64) {
		if written.Add(n) > 10*mib {
			stop()
		}
	}))
	m := sticktest.NewMachine(t, t.TempDir())
	results, err := write.Run(ctx, image, []device.Device{m.Plug(t, stick, stickware)}, m.Machine, silent)
	if ui.ExitCode(err) != ui.ExitInterrupted || results[0].State != write.Unusable || results[0].Error != "interrupted" {
		t.Errorf("it says %+v, %v", results[0], err)
	}
	if bytes.Equal(stick.Bytes(t, 0, 512), iso[:512]) || !empty(stick.Bytes(t, 0, mib)) {
		t.Error("a computer would start from it")
	}
	if written.Load() > 20*mib {
		t.Errorf("it went on for %d bytes", written.Load())
	}
}

// One that fails doesn't stop the others.
func TestSeveral(t *testing.T) {
	watch(t)
	image, iso := open(t)
	m := sticktest.NewMachine(t, t.TempDir())
	sticks := []*sticktest.Stick{
		sticktest.New(t, 32*mib), sticktest.Faulty(t, 64*mib, sticktest.Flipping(9*mib)), sticktest.New(t, 16*mib), sticktest.New(t, 40*mib),
	}
	var devices []device.Device
	for _, s := range sticks {
		devices = append(devices, m.Plug(t, s, stickware))
	}
	results, err := write.Run(t.Context(), image, devices, m.Machine, silent)
	for i, want := range []write.State{write.Written, write.Unusable, write.Untouched, write.Written} {
		if results[i].State != want || results[i].Path != sticks[i].Path {
			t.Errorf("stick %d is %+v", i, results[i])
		}
		if want == write.Written && !bytes.Equal(sticks[i].Bytes(t, 0, isoSize), iso) {
			t.Errorf("stick %d hasn't the image", i)
		}
	}
	if ui.ExitCode(err) != ui.ExitFailed || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("the error of two: %v", err)
	}
	if empty(sticks[2].Bytes(t, 0, 4096)) {
		t.Error("the one that is too small was written to")
	}
}

// What isn't ours to write to stays as it is.
func TestUntouched(t *testing.T) {
	image, _ := open(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *sticktest.Stick, d *device.Device)
		want  string
	}{
		"somebody has it": {func(t *testing.T, _ *sticktest.Stick, d *device.Device) {
			fd, err := unix.Open(d.Path, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(fd) })
		}, "it is in use: "},
		"another one came into its place": {func(_ *testing.T, _ *sticktest.Stick, d *device.Device) { d.Sequence-- }, "it isn't the disk any more that was looked at"},
		"it has another size":             {func(_ *testing.T, _ *sticktest.Stick, d *device.Device) { d.SizeBytes += 512 }, "it isn't the disk any more that was looked at"},
		"its node leads elsewhere":        {func(_ *testing.T, _ *sticktest.Stick, d *device.Device) { d.Number = "8:0" }, "it isn't the disk any more that was looked at"},
		"it has large blocks":             {func(t *testing.T, s *sticktest.Stick, _ *device.Device) { s.Blocks(t, 4096) }, "its blocks have 4096 bytes"},
		"its node is a file": {func(t *testing.T, _ *sticktest.Stick, d *device.Device) {
			d.Path = filepath.Join(t.TempDir(), "sdb")
			if err := os.WriteFile(d.Path, make([]byte, 4096), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "asking for its size"},
	} {
		t.Run(name, func(t *testing.T) {
			stick := sticktest.New(t, 24*mib)
			before := sha256.Sum256(stick.Bytes(t, 0, 24*mib))
			m := sticktest.NewMachine(t, t.TempDir())
			d := m.Plug(t, stick, stickware)
			c.spoil(t, stick, &d)
			results, err := write.Run(t.Context(), image, []device.Device{d}, m.Machine, silent)
			if results[0].State != write.Untouched || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %+v, %v", results[0], err)
			}
			if sha256.Sum256(stick.Bytes(t, 0, 24*mib)) != before {
				t.Error("it was written to")
			}
		})
	}
}

// An image that changes while it is written makes no stick that is half of both.
func TestAlteredImage(t *testing.T) {
	watch(t)
	image, _ := open(t)
	f, err := os.OpenFile(image.Path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("other"), 13*mib)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	stick := sticktest.New(t, 64*mib)
	m := sticktest.NewMachine(t, t.TempDir())
	results, err := write.Run(t.Context(), image, []device.Device{m.Plug(t, stick, stickware)}, m.Machine, silent)
	if err == nil || !strings.Contains(err.Error(), "was altered while it was being written") || results[0].State != write.Unusable {
		t.Errorf("it says %+v, %v", results[0], err)
	}
	if !empty(stick.Bytes(t, 0, mib)) {
		t.Error("a computer would start from it")
	}
}

func TestOpen(t *testing.T) {
	good := sticktest.ISO(2 * mib)
	cd := bytes.Clone(good)
	cd[510] = 0
	for name, c := range map[string]struct {
		bytes []byte
		sum   string
		want  string
	}{
		"good":      {good, "", ""},
		"damaged":   {good, strings.Repeat("0", 64), "is damaged: its SHA-256 is "},
		"text":      {[]byte("a medium\n"), "", "it is not an ISO"},
		"empty":     {nil, "", "it is not an ISO"},
		"for a CD":  {cd, "", "it has no boot record"},
		"not there": {nil, "", "no such file"},
	} {
		path := filepath.Join(t.TempDir(), "x.iso")
		if name != "not there" {
			if err := os.WriteFile(path, c.bytes, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		image, err := write.Open(t.Context(), path, c.sum, silent)
		if c.want == "" {
			if err != nil || image.SizeBytes != 2*mib {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A test that ends leaves no loop device and no mount.
func TestNothingStays(t *testing.T) {
	var paths []string
	t.Run("sticks", func(t *testing.T) {
		paths = append(paths, sticktest.New(t, 4*mib).Path, sticktest.Faulty(t, 4*mib, sticktest.Worn).Path)
	})
	for _, p := range paths {
		backing := filepath.Join("/sys/block", filepath.Base(p), "loop/backing_file")
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			file, err := os.ReadFile(backing)
			if err != nil || !strings.Contains(string(file), t.Name()) {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s is still attached to %s", p, file)
				break
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), "sticktest") {
		t.Errorf("something is still mounted: %v", err)
	}
}

// Named refuses all when one is refused, and says so of each; the disk that the image lies on is one that is in use.
func TestNamed(t *testing.T) {
	a, b := sticktest.New(t, 4*mib), sticktest.New(t, 4*mib)
	m := sticktest.NewMachine(t, t.TempDir())
	m.Plug(t, a, stickware)
	d := m.Plug(t, b, stickware)
	image, _ := open(t)
	point := filepath.Dir(image.Path)
	m.Put(t, filepath.Join(m.Proc, "self/mountinfo"),
		"20 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 1 "+d.Number+" / "+point+" rw - vfat "+b.Path+" rw\n37 1 0:5 / "+point+"x rw - tmpfs none rw\n")
	if _, err := write.Named(m.Machine, image.Path, []string{a.Path, b.Path}, nil); err == nil || !strings.HasSuffix(err.Error(), image.Path+" lies on it") {
		t.Errorf("the disk of the image may be written to: %v", err)
	}
	if devices, err := write.Named(m.Machine, image.Path, []string{a.Path}, nil); err != nil || len(devices) != 1 || devices[0].Path != a.Path {
		t.Errorf("the other one is %+v, %v", devices, err)
	}
	// A USB disk that isn't removable may be named, and isn't chosen.
	fixed := stickware
	fixed.Removable = false
	c := sticktest.New(t, 4*mib)
	m.Plug(t, c, fixed)
	if devices, err := write.Removable(m.Machine); err != nil || len(devices) != 1 || devices[0].Path != a.Path {
		t.Errorf("chosen are %+v, %v", devices, err)
	}
	if _, err := write.Named(m.Machine, image.Path, []string{c.Path}, nil); err != nil {
		t.Error(err)
	}
}
