package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// An entry is what a file system keeps of one name.
type entry struct {
	Type     byte // as ls shows it: - d l c b p s
	Mode     uint32
	UID, GID uint32
	Time     int64             // of the last change, seconds since 1970
	Size     int64             // bytes of a regular file
	SHA256   string            // of a regular file
	Target   string            // of a symbolic link
	Device   string            // "major:minor"
	Link     string            // the name that the file was given first, if this is another one
	Xattrs   map[string]string // by name without "user.", "trusted." or "security."
}

// A tree is a file system: entries by their path from the root, which is ".".
type tree map[string]*entry

// types are the words for an entry's type.
var types = map[byte]string{
	'-': "file", 'd': "directory", 'l': "symbolic link", 'c': "character device", 'b': "block device", 'p': "pipe", 's': "socket",
}

// diffTrees lists what differs, sorted by path.
func diffTrees(in string, a, b tree) []Difference {
	var all []Difference
	for _, path := range slices.Sorted(maps.Keys(union(a, b))) {
		ea, eb := a[path], b[path]
		switch {
		case ea == nil:
			all = append(all, newDifference(in, path, Added, "", eb.say()))
		case eb == nil:
			all = append(all, newDifference(in, path, Removed, ea.say(), ""))
		default:
			all = append(all, diffEntries(in, path, ea, eb)...)
		}
	}
	return all
}

func union(a, b tree) map[string]bool {
	all := map[string]bool{}
	for path := range a {
		all[path] = true
	}
	for path := range b {
		all[path] = true
	}
	return all
}

func diffEntries(in, path string, a, b *entry) []Difference {
	if a.Link != "" && a.Link == b.Link {
		return nil // what differs is said of the file's first name
	}
	var all []Difference
	add := func(differ bool, what Kind, sayA, sayB string) {
		if differ {
			all = append(all, newDifference(in, path, what, sayA, sayB))
		}
	}
	if a.Type != b.Type {
		add(true, Type, a.say(), b.say())
	} else {
		add(a.SHA256 != b.SHA256, Content, a.content(), b.content())
		add(a.Target != b.Target, Target, a.Target, b.Target)
		add(a.Device != b.Device, Device, a.Device, b.Device)
	}
	add(a.Mode != b.Mode, Mode, fmt.Sprintf("%04o", a.Mode), fmt.Sprintf("%04o", b.Mode))
	add(a.UID != b.UID || a.GID != b.GID, Owner, fmt.Sprintf("%d:%d", a.UID, a.GID), fmt.Sprintf("%d:%d", b.UID, b.GID))
	add(a.Time != b.Time, Time, stamp(a.Time), stamp(b.Time))
	add(a.Link != b.Link, Link, a.Link, b.Link)
	add(!maps.Equal(a.Xattrs, b.Xattrs), Xattrs, attributes(a.Xattrs), attributes(b.Xattrs))
	return all
}

// say is what an entry is in few words.
func (e *entry) say() string {
	switch e.Type {
	case '-':
		return "file, " + e.content()
	case 'l':
		return "symbolic link to " + e.Target
	case 'c', 'b':
		return types[e.Type] + " " + e.Device
	default:
		return types[e.Type]
	}
}

func (e *entry) content() string { return fmt.Sprintf("%d bytes, %.12s", e.Size, e.SHA256) }

func stamp(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05") }

func attributes(x map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(x)) {
		all = append(all, fmt.Sprintf("%s=%q", name, x[name]))
	}
	return strings.Join(all, " ")
}
