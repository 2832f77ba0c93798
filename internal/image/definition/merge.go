package definition

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"nhos.org/nhos/internal/manifest"
)

// Built-in defaults, which schema_test.go holds against those that the JSON Schema states.
func defaults() Settings {
	return Settings{
		Locale:   Value[string]{Value: "C.UTF-8"},
		Keyboard: Value[string]{Value: "us"},
		Timezone: Value[string]{Value: "Etc/UTC"},
		Hostname: Value[string]{Value: "nhos"},
		User: User{
			Name: Value[string]{Value: "user"}, FullName: Value[string]{Value: "Live user"}, Groups: []Value[string]{},
		},
		KernelArguments: []Value[string]{},
		Destinations:    []Value[string]{},
		MenuTimeout:     Value[time.Duration]{Value: 5 * time.Second},
		Browser: Browser{
			HomePage:  Value[string]{Value: "file:///usr/share/nhos/start/index.html"},
			Bookmarks: []Link{}, Extensions: []Value[string]{},
		},
		WebApps: []WebApp{},
		Kiosk: Kiosk{
			URL:   Value[string]{Value: "file:///usr/share/nhos/kiosk/index.html"},
			Allow: []Value[string]{}, Idle: Value[time.Duration]{Value: 2 * time.Minute},
		},
	}
}

// later overrides a value by one that is stated later.
func later[T any](value *Value[T], by Value[T]) {
	if by.Origin.Line > 0 {
		*value = by
	}
}

// overlay lays the settings of a later part over those of the parts before it.
func (s *Settings) overlay(by Settings) {
	later(&s.Locale, by.Locale)
	later(&s.Keyboard, by.Keyboard)
	later(&s.Timezone, by.Timezone)
	later(&s.Hostname, by.Hostname)
	later(&s.User.Name, by.User.Name)
	later(&s.User.FullName, by.User.FullName)
	later(&s.User.Autologin, by.User.Autologin)
	later(&s.MenuTimeout, by.MenuTimeout)
	later(&s.Graphical, by.Graphical)
	s.Browser.overlay(by.Browser)
	s.WebApps = replaceOrAdd(s.WebApps, by.WebApps, func(a WebApp) string { return a.ID.Value })
	s.Kiosk.overlay(by.Kiosk)
	addOnce(&s.User.Groups, by.User.Groups)
	addOnce(&s.Destinations, by.Destinations)
	// Kernel arguments may repeat: with many of them the last one counts, others count each time (console=).
	s.KernelArguments = append(s.KernelArguments, by.KernelArguments...)
}

// addOnce adds the values that aren't there.
func addOnce(values *[]Value[string], by []Value[string]) {
	for _, v := range by {
		if !slices.ContainsFunc(*values, func(have Value[string]) bool { return have.Value == v.Value }) {
			*values = append(*values, v)
		}
	}
}

// merge makes the image of what was read.
func (l *loader) merge() *Image {
	img := &Image{
		Name: l.names.image, Respin: l.names.respin, ODSCode: l.keys.respin.ODSCode, Product: l.keys.image.Product,
		Base: l.mergeBase(), Compression: Value[string]{Value: "fast"}, Parts: []Part{}, Settings: defaults(),
	}
	later(&img.Product, l.keys.respin.Product)
	later(&img.Compression, l.keys.image.Compression)
	later(&img.Compression, l.keys.respin.Compression)
	seen := map[string]Origin{}
	for _, p := range l.parts {
		img.Settings.overlay(p.settings)
		p.Checks = []manifest.Check{}
		for _, k := range p.checks {
			c := l.check(p.Name, k)
			if first, again := seen[c.ID]; again {
				l.add(k.ID.Origin, "give one of them another id", "check %q is already in %v", c.ID, first)
			}
			seen[c.ID] = k.ID.Origin
			p.Checks = append(p.Checks, c)
			p.Origins["checks["+k.ID.Value+"]"] = k.At
		}
		img.Parts = append(img.Parts, p.Part)
	}
	l.waive(img)
	return img
}

// check makes a check of its keys, and reports if they assert nothing or too much.
func (l *loader) check(part string, k checkKeys) manifest.Check {
	var stated []Value[string]
	for _, v := range []Value[string]{k.Run, k.Unit, k.Process, k.File} {
		if v.Origin.Line > 0 {
			stated = append(stated, v)
		}
	}
	if len(stated) != 1 {
		at, message := k.At, "asserts nothing"
		if len(stated) > 1 {
			slices.SortFunc(stated, func(a, b Value[string]) int { return a.Origin.Compare(b.Origin) })
			at, message = stated[1].Origin, "asserts more than one thing"
		}
		l.add(at, "give it one of run, unit, process and file", "check %q %s", k.ID.Value, message)
	}
	return manifest.Check{
		ID: part + "/" + k.ID.Value, Claim: k.Claim.Value, Feature: part, Run: k.Run.Value, Unit: k.Unit.Value,
		Process: k.Process.Value, File: k.File.Value, Within: k.Within.Value,
	}
}

// mergeBase makes the base of its keys and the respin's mirror.
func (l *loader) mergeBase() Base {
	k := l.keys.base
	b := Base{
		Name: l.names.base, Distribution: k.Distribution.Value, Suite: k.Suite.Value, Architecture: k.Architecture.Value,
		Dir: filepath.Join(l.dir, "bases", l.names.base), Keyring: k.Keyring.Value, Pockets: []Pocket{}, Mirror: Value[string]{Value: "auto"}, Medium: packagesOf(k.Medium),
		Origins: Origins{
			"name": l.keys.image.Base.Origin, "distribution": k.Distribution.Origin, "suite": k.Suite.Origin,
			"architecture": k.Architecture.Origin, "keyring": k.Keyring.Origin,
		},
	}
	if path.Ext(b.Keyring) == "" {
		b.Keyring += ".gpg"
	}
	later(&b.Mirror, k.Mirror)
	later(&b.Mirror, l.keys.respin.Mirror)
	b.Components = b.plain("components", k.Components)
	b.Exclude = b.plain("exclude", k.Exclude)
	b.Include = b.plain("include", k.Include)
	for i, p := range k.Pockets {
		b.Pockets = append(b.Pockets, Pocket{p.Suite.Value, p.Archive.Value})
		b.Origins[fmt.Sprintf("pockets[%d]", i)] = p.Suite.Origin
	}
	return b
}

// plain returns values without their origins, which go to b.Origins.
func (b *Base) plain(key string, values []Value[string]) []string {
	plain := make([]string, len(values))
	for i, v := range values {
		plain[i] = v.Value
		b.Origins[fmt.Sprintf("%s[%d]", key, i)] = v.Origin
	}
	return plain
}
