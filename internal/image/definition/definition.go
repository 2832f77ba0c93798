// Package definition reads what an image is to be from files that a person writes.
//
// A definitions folder holds bases/NAME/base.yaml, images/NAME.yaml, features/NAME/feature.yaml and
// respins/NAME/respin.yaml. [Load] merges them in this order, later wins and lists add:
//
//	base, features in order, image, respin
//
// Beside them lies controls/*.yaml: what an image has to hold, and how that is shown. [LoadControls] reads it. No image
// is made from it; a respin's waivers name controls.
//
// Reading is strict: an unknown key, a wrong type or a value that makes no sense is an error with file, line, column
// and, where there is one, the nearest right word. Every value of the result knows the file and line that it came
// from. The package reads files and nothing else; it runs no program and knows no mirror.
//
// The keys of each file are the structs in keys.go: they are what [Load] decodes into, what [Schema] describes, and
// what syntax.go holds each value against, so the three can't disagree.
package definition

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"nhos.org/nhos/internal/image/secrets"
	"nhos.org/nhos/internal/manifest"
)

//go:generate go run ./schemagen ../../../docs/schema

// Origins are the places that plain values came from, by key: "suite", "components[0]", "checks[session-runs]".
type Origins map[string]Origin

// A Value is a setting with its origin. The origin is zero where the value is a built-in default.
type Value[T any] struct {
	Value  T      `json:"value"`
	Origin Origin `json:"origin"`
}

// An Image is the merged definition of one image, or of a respin of it.
type Image struct {
	Name    string        `json:"name"`             // of the image
	Respin  string        `json:"respin,omitempty"` // of the respin, "" for the image itself
	ODSCode Value[string] `json:"ods_code"`         // of the respin's organisation
	Product Value[string] `json:"product"`          // the name on screen, in menus and file names
	Base    Base          `json:"base"`
	// Compression is "fast" or "small".
	Compression Value[string] `json:"compression"`
	// Parts are what was merged, in order: base, features, image, respin.
	Parts    []Part   `json:"parts"`
	Settings Settings `json:"settings"`
	// Waivers are the respin's. They change nothing of the image: evidence is held against them.
	Waivers []Waiver `json:"waivers,omitempty"`

	sources map[string][]string // the lines of the files read, to show errors in
	digests map[string]string   // the SHA-256 of each of them
}

// ID is the name that the user calls the image by: the respin's where there is one.
func (i *Image) ID() string {
	if i.Respin != "" {
		return i.Respin
	}
	return i.Name
}

// A Base names the distribution that images are made from.
type Base struct {
	Name         string   `json:"name"`
	Distribution string   `json:"distribution"` // "debian"
	Suite        string   `json:"suite"`        // "trixie"
	Architecture string   `json:"architecture"` // "amd64"
	Components   []string `json:"components"`
	// Pockets are the suites that are read, with the archive each is in: the suite itself, updates, security.
	Pockets []Pocket `json:"pockets"`
	// Dir is the base's own folder on this machine.
	Dir string `json:"-"`
	// Keyring is the file that the archives' signatures are held against: in Dir, else below /usr/share/keyrings.
	Keyring string `json:"keyring"`
	// Mirror is "auto" (the building machine's own package sources) or the URI of the main archive; a respin's wins.
	Mirror Value[string] `json:"mirror"`
	// Medium are the packages whose files the medium boots by (shim, GRUB); they are in no layer.
	Medium []Package `json:"medium"`
	// Exclude and Include are dpkg's path patterns: what packages hold but layers don't (man pages), and exceptions.
	Exclude []string `json:"exclude"`
	Include []string `json:"include"`
	// Origins tell where the plain values above were stated: "name", "suite", "components[0]".
	Origins Origins `json:"origins"`
}

// OwnKeyring says whether the base brings the key that its archives are signed by, instead of taking that of a
// distribution which everyone has.
func (b Base) OwnKeyring() bool {
	_, err := os.Stat(filepath.Join(b.Dir, b.Keyring))
	return err == nil
}

// A Pocket is one suite of an archive.
type Pocket struct {
	Suite   string `json:"suite"`   // "trixie-security"
	Archive string `json:"archive"` // "main" or "security"
}

// Kind says which of the four definition files a part was.
type Kind string

// The kinds, in merge order.
const (
	KindBase    Kind = "base"
	KindFeature Kind = "feature"
	KindImage   Kind = "image"
	KindRespin  Kind = "respin"
)

// A Part is what one definition file contributes.
type Part struct {
	Kind        Kind             `json:"kind"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Origin      Origin           `json:"origin"` // where it was named: the line of the image's features list
	Packages    Packages         `json:"packages"`
	Files       []File           `json:"files"`   // sorted by path
	Scripts     []Script         `json:"scripts"` // in the order that they run
	Checks      []manifest.Check `json:"checks"`
	// AllowSecrets are what the scan for secrets lets pass.
	AllowSecrets []AllowedSecret `json:"allow_secrets"`
	// Origins tell where "description" and each check ("checks[session-runs]") were stated.
	Origins Origins `json:"origins"`
}

// An AllowedSecret is an exception from the scan for secrets.
type AllowedSecret struct {
	Path   string       `json:"path"` // a pattern of path.Match
	Kind   secrets.Kind `json:"kind,omitempty"`
	Reason string       `json:"reason"`
	Origin Origin       `json:"origin"`
}

// Allows says whether the exception holds for a secret of that kind at that path.
func (a AllowedSecret) Allows(file string, kind secrets.Kind) bool {
	matches, err := path.Match(a.Path, file)
	return err == nil && matches && (a.Kind == "" || a.Kind == kind)
}

// Packages are what a part adds and removes.
type Packages struct {
	Add    []Package `json:"add"`
	Remove []Package `json:"remove"`
}

// A Package is a name of the archive with the line that asks for it.
type Package struct {
	Name   string `json:"name"`
	Origin Origin `json:"origin"`
}

// A File is laid over the root of the image. Directories are listed too; a directory that the image has already keeps
// its own mode and owner unless the definition states one.
type File struct {
	Path   string      `json:"path"`   // absolute, clean
	Source string      `json:"source"` // on this machine, below the part's files/ folder
	Type   fs.FileMode `json:"type"`   // 0 (regular), fs.ModeDir or fs.ModeSymlink
	Target string      `json:"target,omitempty"`
	Mode   fs.FileMode `json:"mode"`  // permission, setuid, setgid and sticky bits, as chmod(1) counts them
	Owner  string      `json:"owner"` // user name in the image
	Group  string      `json:"group"`
	Stated bool        `json:"stated"` // mode or owner were stated in the definition
	SHA256 string      `json:"sha256,omitempty"`
	Size   int64       `json:"size,omitempty"` // bytes
	Origin Origin      `json:"origin"`         // of the statement, or the file itself
}

// A Script runs in the image's root when its layer is made: as root, without network, in a clean environment.
type Script struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
	Origin Origin `json:"origin"` // the script itself
}

// Settings are what every image can be told.
type Settings struct {
	Locale   Value[string] `json:"locale" jsonschema:"format=locale,default=C.UTF-8" jsonschema_description:"Language and character set of the system."`
	Keyboard Value[string] `json:"keyboard" jsonschema:"format=keyboard,default=us" jsonschema_description:"XKB keyboard layout; several with commas between them."`
	Timezone Value[string] `json:"timezone" jsonschema:"format=timezone,default=Etc/UTC" jsonschema_description:"Time zone as Area/City."`
	Hostname Value[string] `json:"hostname" jsonschema:"format=hostname,default=nhos" jsonschema_description:"Name of the computer until something else gives it one."`
	User     User          `json:"user" jsonschema_description:"The account that a live system starts with. It has no password."`
	// KernelArguments are of every boot entry, in order.
	KernelArguments []Value[string] `json:"kernel_arguments" jsonschema:"format=kernel-argument" jsonschema_description:"Arguments for the kernel, in order. Each file adds to those before it."`
	// Destinations are all that the image may talk to by itself (manifest.Destination).
	Destinations []Value[string] `json:"destinations" jsonschema:"format=destination" jsonschema_description:"What the image may talk to on the network by itself, without anybody asking for it. Each file adds to those before it."`
	// MenuTimeout is in whole seconds.
	MenuTimeout Value[time.Duration] `json:"menu_timeout" jsonschema:"format=seconds,default=5s" jsonschema_description:"How long the boot menu waits."`
	// Graphical says that the boot ends in graphics mode.
	Graphical Value[bool] `json:"graphical" jsonschema:"default=false" jsonschema_description:"Whether the boot ends with a screen in graphics mode."`
	Browser   Browser     `json:"browser" jsonschema_description:"What Firefox and Chromium are told alike."`
	// WebApps are by id: a later one of the same id replaces the earlier.
	WebApps []WebApp `json:"web_apps" jsonschema_description:"Pages that have a launcher and a window of their own. Each file adds to those before it."`
	Kiosk   Kiosk    `json:"kiosk" jsonschema_description:"What a kiosk shows."`
}

// A User is the account that a live system starts with. It has no password: its password is locked.
type User struct {
	Name      Value[string]   `json:"name" jsonschema:"format=user,default=user" jsonschema_description:"Name that the account signs in with."`
	FullName  Value[string]   `json:"full_name" jsonschema:"format=full-name,default=Live user" jsonschema_description:"Name that is shown on screen."`
	Groups    []Value[string] `json:"groups" jsonschema:"format=group" jsonschema_description:"Groups that the account is a member of, besides its own. Each file adds to those before it."`
	Autologin Value[bool]     `json:"autologin" jsonschema:"default=false" jsonschema_description:"Whether the account is signed in when the system starts."`
}
