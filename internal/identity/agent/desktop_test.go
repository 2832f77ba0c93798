package agent_test

import (
	"os"
	"testing"

	"github.com/godbus/dbus/v5"

	"nhos.org/nhos/internal/identity/logind/logindtest"
)

const (
	login1 = "org.freedesktop.login1"
	mine   = dbus.ObjectPath("/org/freedesktop/login1/session/mine")
)

// desktop is a logind with one session, the person's, on a bus of the test's own.
type desktop struct {
	t       *testing.T
	address string
	conn    *dbus.Conn
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{t: t, address: logindtest.New(t).Address}
	var err error
	if d.conn, err = dbus.Connect(d.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close() })
	if reply, err := d.conn.RequestName(login1, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	if err := d.conn.Export(properties{}, mine, "org.freedesktop.DBus.Properties"); err != nil {
		t.Fatal(err)
	}
	return d
}

// properties say that the session is the person's.
type properties struct{}

// Get is asked for User alone.
func (properties) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(struct {
		UID  uint32
		Path dbus.ObjectPath
	}{uint32(os.Getuid()), "/org/freedesktop/login1/user/me"}), nil
}

func (d *desktop) screen(what string) { d.emit(mine, login1+".Session."+what) }

func (d *desktop) sleep(begins bool) {
	d.emit("/org/freedesktop/login1", login1+".Manager.PrepareForSleep", begins)
}

func (d *desktop) emit(path dbus.ObjectPath, name string, values ...any) {
	d.t.Helper()
	if err := d.conn.Emit(path, name, values...); err != nil {
		d.t.Fatal(err)
	}
}
