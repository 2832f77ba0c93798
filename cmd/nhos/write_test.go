package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/rescue/sticktest"
)

// Commands of scripts that write to sticks. The machine has the disks that the script plugs in and no others:
//
//	iso FILE MIB                     make bytes that pass for a hybrid ISO
//	stick NAME MIB [HOW] [WORD...]   plug in a stick, whose path is $NAME from then on; HOW is how it fails:
//	                                 "lies" (half of it is there), "breaks" (after 3 MiB), "flips" (a bit of byte 2097157),
//	                                 "interrupts" (who writes, after 3 MiB); "internal" and "mounted" say what it is
//	holds NAME FILE                  the stick begins with the file
//	untouched NAME...                the stick has the bytes of before, all of them

// A plugged is a stick of a script.
type plugged struct {
	t      testing.TB
	stick  *sticktest.Stick
	before []byte
}

func (p plugged) bytes() []byte { return p.stick.Bytes(p.t, 0, p.stick.SizeBytes) }

// machine is the one whose disks a script plugs in.
func machine() device.Machine { return sticktest.At(os.Getenv("NHOS_TEST_MACHINE")) }

const mib = 1 << 20

func iso(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: iso FILE MIB")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), sticktest.ISO(n*mib), 0o644))
}

func stick(t *testing.T, ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: stick NAME MIB [HOW] [WORD...]")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	var flash func(sticktest.Flash) sticktest.Flash
	h := sticktest.Hardware{Bus: "usb", Vendor: "Acme", Model: "Stick " + args[0], Serial: "serial-" + args[0], Removable: true}
	mounted := false
	var written atomic.Int64 // the stick answers on a goroutine of its own
	var path atomic.Value
	for _, word := range args[2:] {
		switch word {
		case "lies":
			flash = sticktest.Wrapping(n * mib / 2)
		case "breaks":
			flash = sticktest.Breaking(3*mib, nil)
		case "flips":
			flash = sticktest.Flipping(2*mib + 5)
		case "interrupts":
			flash = sticktest.Watched(func(_, n int64) {
				if after := written.Add(n); after >= 3*mib && after-n < 3*mib {
					interrupt(path.Load().(string))
				}
			})
		case "internal":
			h.Bus, h.Vendor, h.Removable = "ata", "ATA", false
		case "mounted":
			mounted = true
		default:
			ts.Fatalf("stick: what is %q?", word)
		}
	}
	m := ts.Value("machine").(*sticktest.Machine)
	s := sticktest.Faulty(t, n*mib, flash)
	path.Store(s.Path)
	d := m.Plug(t, s, h)
	if mounted {
		m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 "+d.Number+" / /media/photos rw - vfat /dev/x rw\n")
	}
	ts.Setenv(args[0], s.Path)
	ts.Setenv(args[0]+"_name", d.Name)
	ts.Value("sticks").(map[string]plugged)[args[0]] = plugged{t, s, s.Bytes(t, 0, s.SizeBytes)}
}

// interrupt does what Ctrl-C does, to those processes that this one has started and that have a device open.
func interrupt(device string) {
	open, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range open {
		process := filepath.Dir(filepath.Dir(fd))
		status, _ := os.ReadFile(filepath.Join(process, "status"))
		if to, err := os.Readlink(fd); err != nil || to != device || !strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil {
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
	}
}

func holds(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: holds NAME FILE")
	}
	if !bytes.HasPrefix(named(ts, args[0]).bytes(), []byte(ts.ReadFile(args[1]))) {
		ts.Fatalf("%s doesn't begin with %s", args[0], args[1])
	}
}

func untouched(ts *testscript.TestScript, negated bool, args []string) {
	for _, name := range args {
		p := named(ts, name)
		if bytes.Equal(p.bytes(), p.before) == negated {
			ts.Fatalf("that %s was written to: %t", name, !negated)
		}
	}
}

func named(ts *testscript.TestScript, name string) plugged {
	p, ok := ts.Value("sticks").(map[string]plugged)[name]
	if !ok {
		ts.Fatalf("there is no stick %s", name)
	}
	return p
}
