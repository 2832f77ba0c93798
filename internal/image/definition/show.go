package definition

import (
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"nhos.org/nhos/internal/manifest"
)

// Show writes the merged definition for a person to read, in the manner of YAML. With origin, every value is followed
// by the file and line that it came from.
func Show(w io.Writer, img *Image, origin bool) error {
	p := &page{}
	p.head(img)
	p.base(img.Base)
	p.settings(img.Settings)
	p.packages(img)
	p.contents(img)
	return p.write(w, origin)
}

// A page is lines of text, each with where it came from.
type page []line

type line struct{ text, origin string }

// place is an origin as it is shown: the column would only be noise here.
func place(o Origin) string {
	switch {
	case o == Origin{}:
		return "built-in default"
	case o.Line == 0:
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// An entry is a key with its value.
type entry struct {
	key, value string
	origin     Origin
}

func show[T any](key string, v Value[T]) entry {
	value := fmt.Sprint(v.Value)
	if d, ok := any(v.Value).(time.Duration); ok {
		value = short(d)
	}
	return entry{key, scalar(value), v.Origin}
}

// short writes a duration without what is zero: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// block writes keys with their values in one column.
func (p *page) block(indent string, entries ...entry) {
	width := 0
	for _, e := range entries {
		width = max(width, utf8.RuneCountInString(e.key)+1)
	}
	for _, e := range entries {
		*p = append(*p, line{fmt.Sprintf("%s%-*s %s", indent, width, e.key+":", e.value), place(e.origin)})
	}
}

// list writes a list; an empty one is left out.
func (p *page) list(indent, key string, values ...entry) {
	if len(values) == 0 {
		return
	}
	p.title(indent + key)
	for _, v := range values {
		*p = append(*p, line{indent + "  - " + v.value, place(v.origin)})
	}
}

func (p *page) title(text string) { *p = append(*p, line{text + ":", ""}) }

func (p *page) head(img *Image) {
	entries := []entry{{"image", img.Name, Origin{}}}
	if img.Respin != "" {
		entries = []entry{{"respin", img.Respin, Origin{}}, {"image", img.Name, Origin{}}}
	}
	var features []entry
	for _, part := range img.Parts {
		switch {
		case part.Kind == KindFeature:
			features = append(features, entry{"", part.Name, part.Origin})
		case part.Kind == KindImage && img.Respin == "":
			entries[0].origin = Origin{File: part.Origin.File}
		case part.Kind == KindImage:
			entries[1].origin = part.Origin
		case part.Kind == KindRespin:
			entries[0].origin = Origin{File: part.Origin.File}
		}
	}
	for _, part := range img.Parts {
		if part.Kind == KindImage && img.Respin == "" || part.Kind == KindRespin {
			entries = append(entries, entry{"description", scalar(part.Description), part.Origins["description"]})
		}
	}
	if img.ODSCode.Value != "" {
		entries = append(entries, show("ods_code", img.ODSCode))
	}
	p.block("", append(entries, show("product", img.Product), show("compression", img.Compression))...)
	p.list("", "features", features...)
}

func (p *page) base(b Base) {
	p.title("base")
	plain := func(key, value string) entry { return entry{key, scalar(value), b.Origins[key]} }
	p.block("  ", plain("name", b.Name), plain("distribution", b.Distribution), plain("suite", b.Suite),
		plain("architecture", b.Architecture), plain("keyring", b.Keyring), show("mirror", b.Mirror))
	list := func(key string, values []string) {
		var entries []entry
		for i, v := range values {
			entries = append(entries, entry{"", scalar(v), b.Origins[fmt.Sprintf("%s[%d]", key, i)]})
		}
		p.list("  ", key, entries...)
	}
	list("components", b.Components)
	var pockets []string
	for _, k := range b.Pockets {
		pockets = append(pockets, fmt.Sprintf("%s of %s", k.Suite, k.Archive))
	}
	list("pockets", pockets)
	p.list("  ", "medium", shown(b.Medium)...)
	list("exclude", b.Exclude)
	list("include", b.Include)
}

func (p *page) settings(s Settings) {
	p.title("settings")
	p.block("  ", show("locale", s.Locale), show("keyboard", s.Keyboard), show("timezone", s.Timezone),
		show("hostname", s.Hostname), show("menu_timeout", s.MenuTimeout), show("graphical", s.Graphical))
	values := func(from []Value[string]) (entries []entry) {
		for _, v := range from {
			entries = append(entries, show("", v))
		}
		return entries
	}
	p.list("  ", "kernel_arguments", values(s.KernelArguments)...)
	p.list("  ", "destinations", values(s.Destinations)...)
	p.title("  user")
	p.block("    ", show("name", s.User.Name), show("full_name", s.User.FullName), show("autologin", s.User.Autologin))
	p.list("    ", "groups", values(s.User.Groups)...)
	p.title("  browser")
	p.block("    ", show("home_page", s.Browser.HomePage), show("protection_lists", s.Browser.ProtectionLists))
	var bookmarks, apps []entry
	for _, l := range s.Browser.Bookmarks {
		bookmarks = append(bookmarks, entry{"", scalar(l.Name.Value) + ": " + scalar(l.URL.Value), l.At})
	}
	for _, a := range s.WebApps {
		apps = append(apps, entry{"", a.ID.Value + ": " + scalar(a.URL.Value) + " " + scalar(a.Name.Value), a.At})
	}
	p.list("    ", "bookmarks", bookmarks...)
	p.list("    ", "extensions", values(s.Browser.Extensions)...)
	p.list("  ", "web_apps", apps...)
	p.title("  kiosk")
	p.block("    ", show("url", s.Kiosk.URL), show("idle", s.Kiosk.Idle))
	p.list("    ", "allow", values(s.Kiosk.Allow)...)
}

func shown(packages []Package) (entries []entry) {
	for _, k := range packages {
		entries = append(entries, entry{"", k.Name, k.Origin})
	}
	return entries
}

func (p *page) packages(img *Image) {
	lists := []struct {
		key      string
		packages []Package
	}{
		{"base", img.BasePackages()},
		{"image", img.ImagePackages()},
		{"image_removed", img.ImageRemoved()},
		{"respin", img.RespinPackages()},
		{"respin_removed", img.RespinRemoved()},
	}
	p.title("packages")
	for _, l := range lists {
		p.list("  ", l.key, shown(l.packages)...)
	}
	if (*p)[len(*p)-1].text == "packages:" {
		*p = (*p)[:len(*p)-1]
	}
}

// contents writes files, scripts and checks of all parts.
func (p *page) contents(img *Image) {
	var files, scripts, checks, allowed []entry
	for _, part := range img.Parts {
		for i, f := range part.Files {
			if f.Type == fs.ModeDir && !f.Stated && i+1 < len(part.Files) &&
				strings.HasPrefix(part.Files[i+1].Path, f.Path+"/") {
				continue // what is in it says that it is there
			}
			files = append(files, entry{"", fileLine(f), f.Origin})
		}
		for _, s := range part.Scripts {
			file := folderOf(part.Kind, part.Name) + "/scripts/" + s.Name
			scripts = append(scripts, entry{"", part.Name + "/" + s.Name, Origin{File: file}})
		}
		for _, c := range part.Checks {
			_, id, _ := strings.Cut(c.ID, "/")
			checks = append(checks, entry{"", checkLine(c), part.Origins["checks["+id+"]"]})
		}
		for _, a := range part.AllowSecrets {
			allowed = append(allowed, entry{"", scalar(a.Path) + ": " + scalar(strings.Join(strings.Fields(a.Reason), " ")), a.Origin})
		}
	}
	width := 0
	for _, f := range files {
		path, _, _ := strings.Cut(f.value, "\t")
		width = max(width, utf8.RuneCountInString(path))
	}
	for i, f := range files {
		path, rest, _ := strings.Cut(f.value, "\t")
		files[i].value = fmt.Sprintf("%-*s  %s", min(width, 48), path, rest)
	}
	p.list("", "files", files...)
	p.list("", "scripts", scripts...)
	p.list("", "checks", checks...)
	p.list("", "allow_secrets", allowed...)
	var waived []entry
	for _, w := range img.Waivers {
		waived = append(waived, entry{"", w.Control + ": " + scalar(w.Reason) + " (" + w.By + ", until " + w.Until + ")", w.Origin})
	}
	p.list("", "waivers", waived...)
}

// fileLine is the path of a file and, after a tab, what is there.
func fileLine(f File) string {
	switch fileTypes[f.Type] {
	case "symlink":
		return scalar(f.Path) + "\t-> " + scalar(f.Target)
	case "directory":
		return scalar(f.Path+"/") + "\t" + octal(f.Mode) + " " + f.Owner + ":" + f.Group
	}
	return scalar(f.Path) + "\t" + octal(f.Mode) + " " + f.Owner + ":" + f.Group
}

func checkLine(c manifest.Check) string {
	s := c.ID + ": " + scalar(strings.Join(strings.Fields(c.Claim), " "))
	if c.Within > 0 {
		s += " (within " + short(c.Within) + ")"
	}
	return s
}

// plainText is what needs no quotes to be read as it is.
var plainText = regexp.MustCompile(`^[\p{L}\p{N}/.][\p{L}\p{N}\p{P} +=~^|$<>]*$`)

// scalar quotes a value where it could be misread.
func scalar(s string) string {
	if plainText.MatchString(s) && !strings.Contains(s, ": ") && !strings.Contains(s, " #") && !strings.HasSuffix(s, " ") {
		return s
	}
	return strconv.Quote(s)
}

// originColumn is the furthest that origins are put to the right; longer lines push their own further.
const originColumn = 72

func (p *page) write(w io.Writer, origin bool) error {
	column := 0
	for _, l := range *p {
		if n := utf8.RuneCountInString(l.text); l.origin != "" && n <= originColumn {
			column = max(column, n)
		}
	}
	var b strings.Builder
	for i, l := range *p {
		if i > 0 && l.origin == "" && !strings.HasPrefix(l.text, " ") {
			b.WriteByte('\n') // between sections
		}
		if origin && l.origin != "" {
			fmt.Fprintf(&b, "%-*s  # %s\n", column, l.text, l.origin)
		} else {
			b.WriteString(l.text + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
