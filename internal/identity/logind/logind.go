// Package logind hears from systemd-logind when the person's screen is locked and unlocked, and when the computer goes to
// sleep and wakes up.
package logind

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Signal is one thing that logind tells.
type Signal int

// The signals.
const (
	ScreenLocked Signal = iota
	ScreenUnlocked
	Sleeping
	Awake
)

const (
	name     = "org.freedesktop.login1"
	manager  = "org.freedesktop.login1.Manager"
	sessions = "org.freedesktop.login1.Session"
	props    = "org.freedesktop.DBus.Properties"
)

// Watch tells heard what logind says of the sessions of a user, until ctx ends or the bus does. address is the system
// bus's where empty.
//
// A screen locker may be asked by logind to lock (the signal Lock), or lock by itself and say so (LockedHint): both
// count, and heard may be told the same twice.
func Watch(ctx context.Context, address string, uid uint32, heard func(Signal)) error {
	bus, err := connect(ctx, address)
	if err != nil {
		return fmt.Errorf("listening to logind: connecting to the system bus: %w", err)
	}
	defer func() { _ = bus.Close() }()
	signals := make(chan *dbus.Signal, 16)
	bus.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(manager), dbus.WithMatchMember("PrepareForSleep")},
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(sessions), dbus.WithMatchMember("Lock")},
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(sessions), dbus.WithMatchMember("Unlock")},
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(props), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, sessions)},
	} {
		if err := bus.AddMatchSignalContext(ctx, match...); err != nil {
			return fmt.Errorf("listening to logind: %w", err)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case s, open := <-signals:
			if !open {
				return fmt.Errorf("listening to logind: the system bus has ended")
			}
			if what, ok := read(s); ok && (what == Sleeping || what == Awake || owned(ctx, bus, s.Path, uid)) {
				heard(what)
			}
		}
	}
}

func connect(ctx context.Context, address string) (*dbus.Conn, error) {
	if address == "" {
		return dbus.ConnectSystemBus(dbus.WithContext(ctx))
	}
	return dbus.Connect(address, dbus.WithContext(ctx))
}

// read says what a signal means to us.
func read(s *dbus.Signal) (Signal, bool) {
	switch s.Name {
	case sessions + ".Lock":
		return ScreenLocked, true
	case sessions + ".Unlock":
		return ScreenUnlocked, true
	case manager + ".PrepareForSleep":
		var begins bool
		if dbus.Store(s.Body, &begins) != nil {
			return 0, false
		}
		if begins {
			return Sleeping, true
		}
		return Awake, true
	case props + ".PropertiesChanged":
		var (
			of      string
			changed map[string]dbus.Variant
			gone    []string
		)
		if dbus.Store(s.Body, &of, &changed, &gone) != nil || of != sessions {
			return 0, false
		}
		locked, ok := changed["LockedHint"].Value().(bool)
		if locked {
			return ScreenLocked, ok
		}
		return ScreenUnlocked, ok
	}
	return 0, false
}

// owned says whether a session is the user's: everybody's are told of.
func owned(ctx context.Context, bus *dbus.Conn, session dbus.ObjectPath, uid uint32) bool {
	var value dbus.Variant
	if bus.Object(name, session).CallWithContext(ctx, props+".Get", 0, sessions, "User").Store(&value) != nil {
		return false
	}
	var user struct {
		UID  uint32
		Path dbus.ObjectPath
	}
	return dbus.Store([]any{value.Value()}, &user) == nil && user.UID == uid
}
