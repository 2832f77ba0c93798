package logind_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"nhos.org/nhos/internal/identity/logind"
	"nhos.org/nhos/internal/identity/logind/logindtest"
)

const (
	login1    = "org.freedesktop.login1"
	ownUID    = 1234
	mine      = dbus.ObjectPath("/org/freedesktop/login1/session/mine")
	others    = dbus.ObjectPath("/org/freedesktop/login1/session/others")
	manager   = dbus.ObjectPath("/org/freedesktop/login1")
	patience  = 30 * time.Second
	sessionIf = login1 + ".Session"
)

// bus is a D-Bus of the test's own.
type bus struct{ *logindtest.Bus }

func newBus(t *testing.T) bus {
	t.Helper()
	return bus{logindtest.New(t)}
}

// connect is a program on the bus, with a name of its own where it has one.
func (b bus) connect(t *testing.T, name string) *dbus.Conn {
	t.Helper()
	c, err := dbus.Connect(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if name == "" {
		return c
	}
	if reply, err := c.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return c
}

// properties is org.freedesktop.DBus.Properties of a session of logind.
type properties struct{ uid uint32 }

func (p properties) Get(_, name string) (dbus.Variant, *dbus.Error) {
	if name != "User" {
		return dbus.Variant{}, dbus.MakeFailedError(fmt.Errorf("no property %s", name))
	}
	return dbus.MakeVariant(struct {
		UID  uint32
		Path dbus.ObjectPath
	}{p.uid, dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/login1/user/_%d", p.uid))}), nil
}

// newLogind is a logind with a session of ours and one of somebody else's.
func newLogind(t *testing.T, b bus) *dbus.Conn {
	t.Helper()
	c := b.connect(t, login1)
	for path, uid := range map[dbus.ObjectPath]uint32{mine: ownUID, others: ownUID + 1} {
		if err := c.Export(properties{uid}, path, "org.freedesktop.DBus.Properties"); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// watch listens, and gives what is heard and how it ends.
func watch(t *testing.T, b bus) (heard <-chan logind.Signal, ended <-chan error, stop func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	signals, end := make(chan logind.Signal, 64), make(chan error, 1)
	go func() { end <- logind.Watch(ctx, b.Address, ownUID, func(s logind.Signal) { signals <- s }) }()
	return signals, end, stop
}

// ready waits until what a logind says is heard: PrepareForSleep(false) again and again, until one arrives.
func ready(t *testing.T, c *dbus.Conn, heard <-chan logind.Signal) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; {
		emit(t, c, manager, login1+".Manager.PrepareForSleep", false)
		select {
		case <-heard:
			// Those that are under way come before what follows.
			time.Sleep(100 * time.Millisecond)
			for len(heard) > 0 {
				<-heard
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("nothing is heard")
}

func emit(t *testing.T, c *dbus.Conn, path dbus.ObjectPath, name string, values ...any) {
	t.Helper()
	if err := c.Emit(path, name, values...); err != nil {
		t.Fatal(err)
	}
}

func hint(locked bool) []any {
	return []any{sessionIf, map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(locked)}, []string{}}
}

func TestWhatLogindSaysIsHeard(t *testing.T) {
	b := newBus(t)
	c := newLogind(t, b)
	heard, ended, stop := watch(t, b)
	ready(t, c, heard)
	const changed = "org.freedesktop.DBus.Properties.PropertiesChanged"
	for _, test := range []struct {
		name   string
		path   dbus.ObjectPath
		signal string
		values []any
		want   logind.Signal
		silent bool
	}{
		{name: "asked to lock", path: mine, signal: sessionIf + ".Lock", want: logind.ScreenLocked},
		{name: "asked to unlock", path: mine, signal: sessionIf + ".Unlock", want: logind.ScreenUnlocked},
		{name: "locked", path: mine, signal: changed, values: hint(true), want: logind.ScreenLocked},
		{name: "unlocked", path: mine, signal: changed, values: hint(false), want: logind.ScreenUnlocked},
		{name: "sleep", path: manager, signal: login1 + ".Manager.PrepareForSleep", values: []any{true}, want: logind.Sleeping},
		{name: "awake", path: manager, signal: login1 + ".Manager.PrepareForSleep", values: []any{false}, want: logind.Awake},

		{name: "somebody else's screen", path: others, signal: sessionIf + ".Lock", silent: true},
		{name: "somebody else's hint", path: others, signal: changed, values: hint(true), silent: true},
		{name: "a session that is gone", path: "/org/freedesktop/login1/session/gone", signal: sessionIf + ".Lock", silent: true},
		{name: "another property", path: mine, signal: changed, values: []any{sessionIf, map[string]dbus.Variant{"IdleHint": dbus.MakeVariant(true)}, []string{}}, silent: true},
		{name: "a hint that is no truth value", path: mine, signal: changed, values: []any{sessionIf, map[string]dbus.Variant{"LockedHint": dbus.MakeVariant("yes")}, []string{}}, silent: true},
		{name: "another kind of object", path: mine, signal: changed, values: []any{login1 + ".User", map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(true)}, []string{}}, silent: true},
		{name: "sleep without a value", path: manager, signal: login1 + ".Manager.PrepareForSleep", silent: true},
		{name: "sleep with another value", path: manager, signal: login1 + ".Manager.PrepareForSleep", values: []any{"true"}, silent: true},
	} {
		emit(t, c, test.path, test.signal, test.values...)
		if test.silent { // then what follows is what comes first
			emit(t, c, mine, sessionIf+".Unlock")
			test.want = logind.ScreenUnlocked
		}
		select {
		case got := <-heard:
			if got != test.want {
				t.Errorf("%s: heard %d, want %d", test.name, got, test.want)
			}
		case <-time.After(patience):
			t.Fatalf("%s: nothing is heard", test.name)
		}
	}
	if len(heard) > 0 {
		t.Errorf("%d more things were heard", len(heard))
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Whoever isn't logind may say what they like.
func TestOthersArentHeard(t *testing.T) {
	b := newBus(t)
	c := newLogind(t, b)
	heard, _, _ := watch(t, b)
	ready(t, c, heard)
	stranger := b.connect(t, "org.example.Stranger")
	emit(t, stranger, mine, sessionIf+".Lock")
	// The bus has passed it on to nobody once it answers the next call of the same program.
	if err := stranger.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err; err != nil {
		t.Fatal(err)
	}
	emit(t, c, mine, sessionIf+".Unlock")
	select {
	case got := <-heard:
		if got != logind.ScreenUnlocked {
			t.Errorf("heard %d of a stranger", got)
		}
	case <-time.After(patience):
		t.Fatal("nothing is heard")
	}
}

// The agent listens again when Watch says that the bus has ended, also where there is no logind yet.
func TestBusEnds(t *testing.T) {
	b := newBus(t)
	heard, ended, _ := watch(t, b)
	ready(t, newLogind(t, b), heard) // logind comes later
	b.End()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "the system bus has ended") {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the end of the bus isn't noticed")
	}
	err := logind.Watch(t.Context(), b.Address, ownUID, func(logind.Signal) {})
	if err == nil || !strings.Contains(err.Error(), "connecting to the system bus") {
		t.Error(err)
	}
}
