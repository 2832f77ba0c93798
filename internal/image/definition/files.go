package definition

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"nhos.org/nhos/internal/ui"
)

// Modes of what has none stated. They depend on the owner's execute bit alone, which is all that git keeps, so that the
// umask of whoever checked the definitions out makes no difference.
const (
	modePlain      fs.FileMode = 0o644
	modeExecutable fs.FileMode = 0o755
)

// files reads what is laid over the root, and sets modes and owners as stated.
func (l *loader) files(p *part, dir string, stated []fileKeys) {
	l.walk(p, dir+"/files", "/")
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	line := map[string]int{}
	for _, s := range stated {
		i := slices.IndexFunc(p.Files, func(f File) bool { return f.Path == s.Path.Value })
		first, again := line[s.Path.Value]
		if !again {
			line[s.Path.Value] = s.Path.Origin.Line
		}
		switch {
		case s.Path.Value == "":
		case s.Mode.Origin == Origin{} && s.Owner.Origin == Origin{} && s.Group.Origin == Origin{}:
			l.add(s.At, `for example: mode: "0440"`, "none of mode, owner and group is stated")
		case i < 0:
			l.noSuchFile(p, s.Path, dir)
		case again:
			l.add(s.Path.Origin, "put both into one", "%s is already stated on line %d", quote(s.Path.Value), first)
		case s.Mode.Origin.Line > 0 && p.Files[i].Type == fs.ModeSymlink:
			l.add(s.Mode.Origin, "state the mode of what it points to", "a symbolic link has no mode")
		default:
			p.Files[i].state(s)
		}
	}
}

func (l *loader) noSuchFile(p *part, at Value[string], dir string) {
	var known []string
	for _, f := range p.Files {
		known = append(known, f.Path)
	}
	hint := ""
	if near := ui.Nearest(at.Value, known); near != "" {
		hint = "did you mean " + quote(near) + "?"
	}
	l.add(at.Origin, hint, "%s is not in %s/files", quote(at.Value), dir)
}

// state sets what is stated about a file.
func (f *File) state(s fileKeys) {
	f.Stated, f.Origin = true, s.Path.Origin
	if mode, err := strconv.ParseUint(s.Mode.Value, 8, 12); err == nil {
		f.Mode = fs.FileMode(mode)
	}
	if s.Owner.Value != "" {
		f.Owner = s.Owner.Value
	}
	if s.Group.Value != "" {
		f.Group = s.Group.Value
	}
}

// walk reads what is in a folder below files/, which is dir in the image.
func (l *loader) walk(p *part, folder, dir string) {
	for _, e := range l.readDir(folder) {
		source := folder + "/" + e.Name()
		at := Origin{File: source}
		f := File{
			Path: path.Join(dir, e.Name()), Source: filepath.Join(l.dir, source), Type: e.Type(), Mode: modePlain,
			Owner: "root", Group: "root", Origin: at,
		}
		if strings.ContainsFunc(e.Name(), unicode.IsControl) || !utf8.ValidString(e.Name()) {
			l.add(Origin{File: folder}, "rename the file", "%s is not a name that can be used", quote(e.Name()))
			continue
		}
		var err error
		switch f.Type {
		case 0:
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				if info.Mode()&0o100 != 0 {
					f.Mode = modeExecutable
				}
				f.SHA256, f.Size, _, err = l.digest(source)
			}
		case fs.ModeDir:
			f.Mode = modeExecutable
			l.walk(p, source, f.Path)
		case fs.ModeSymlink:
			f.Mode = 0o777 // what Linux shows for every one of them
			f.Target, err = l.root.Readlink(source)
		default:
			l.add(at, "files/ holds files, folders and symbolic links", "is %s", typeName(f.Type))
			continue
		}
		if err != nil {
			l.add(at, "", "reading it: %v", cause(err))
			continue
		}
		p.Files = append(p.Files, f)
	}
}
