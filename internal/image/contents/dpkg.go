package contents

import (
	"bufio"
	"crypto/md5" //nolint:gosec // dpkg's lists have no better
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	dpkgDir  = "/var/lib/dpkg/"
	listDir  = dpkgDir + "info/"
	maxFile  = 64 << 20 // of dpkg's status, the largest file that is read whole
	maxLines = 8 << 20  // bytes of one line
)

// packages reads what dpkg keeps in the layer: lists of files, status, diversions. The links of the layer are never
// followed out of it.
func (l *Layer) packages(root *os.Root) error {
	directory := map[string]bool{}
	for _, e := range l.Entries {
		if e.Mode.IsDir() {
			directory[e.Path] = true
		}
	}
	for _, e := range l.Entries {
		if !e.Mode.IsRegular() || !strings.HasPrefix(e.Path, dpkgDir) {
			continue
		}
		var err error
		switch name := strings.TrimSuffix(e.Path, ".list"); {
		case path.Dir(e.Path)+"/" == listDir && name != e.Path:
			err = l.list(root, e, path.Base(name), directory)
		case e.Path == dpkgDir+"status":
			l.Status = true
			l.Installed, err = status(root, e.Path)
		case e.Path == dpkgDir+"diversions":
			l.Diverted = true
			l.Diversions, err = diversions(root, e.Path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

func (l *Layer) list(root *os.Root, e Entry, name string, directory map[string]bool) error {
	name, _, _ = strings.Cut(name, ":") // of a package that several architectures may have
	p := Package{Name: name, List: e.Path}
	err := lines(root, e.Path, func(line string) {
		if strings.HasPrefix(line, "/") && !directory[line] && line != "/." {
			p.Files = append(p.Files, line)
		}
	})
	if err != nil {
		return err
	}
	p.Licences, err = licences(root, name)
	l.Packages = append(l.Packages, p)
	return err
}

// status reads the packages that are installed.
func status(root *os.Root, file string) ([]Installed, error) {
	var all []Installed
	var p Installed
	installed := false
	flush := func() {
		if installed && p.Name != "" {
			all = append(all, p)
		}
		p, installed = Installed{}, false
	}
	err := lines(root, file, func(line string) {
		name, value, ok := strings.Cut(line, ": ")
		switch {
		case line == "":
			flush()
		case !ok:
		case name == "Package":
			p.Name = value
		case name == "Version":
			p.Version = value
		case name == "Architecture":
			p.Architecture = value
		case name == "Status":
			installed = strings.HasSuffix(value, " installed")
		}
	})
	flush()
	return all, err
}

// diversions reads the list that dpkg-divert(1) keeps, three lines each.
func diversions(root *os.Root, file string) ([]Diversion, error) {
	var all []string
	err := lines(root, file, func(line string) { all = append(all, line) })
	var d []Diversion
	for three := range slices.Chunk(all, 3) {
		if len(three) == 3 {
			d = append(d, Diversion{three[0], three[1], three[2]})
		}
	}
	return d, err
}

// lines calls each for the lines of a file of the layer.
func lines(root *os.Root, file string, each func(line string)) error {
	f, err := root.Open(file[1:])
	if err != nil {
		return err
	}
	defer f.Close()
	scan := bufio.NewScanner(io.LimitReader(f, maxFile))
	scan.Buffer(make([]byte, 64<<10), maxLines)
	for scan.Scan() {
		each(scan.Text())
	}
	return scan.Err()
}

var licence = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_-]*$`)

// licences reads the short names of a copyright file in Debian's machine-readable format 1.0. Of other files nothing
// is said: a guess at a licence is worse than none.
func licences(root *os.Root, name string) ([]string, error) {
	var names []string
	readable, first := false, true
	err := lines(root, "/usr/share/doc/"+name+"/copyright", func(line string) {
		if first {
			readable = strings.HasPrefix(line, "Format:") && strings.Contains(line, "copyright-format/1.0")
			first = false
		}
		if !readable || !strings.HasPrefix(line, "License:") {
			return
		}
		for word := range strings.FieldsSeq(strings.TrimPrefix(line, "License:")) {
			word = strings.Trim(word, ",()")
			switch strings.ToLower(word) {
			case "and", "or", "with", "exception", "and/or":
				continue
			}
			if licence.MatchString(word) && !slices.Contains(names, word) {
				names = append(names, word)
			}
		}
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, bufio.ErrTooLong) {
		err = nil
	}
	var escapes *fs.PathError
	if errors.As(err, &escapes) { // a link to where the layer isn't
		err = nil
	}
	slices.Sort(names)
	return names, err
}

// shipped finds out which findings are in files whose bytes are those that a package of this layer ships. It reads
// these files once more, for the MD5 that dpkg's lists have.
func (l *Layer) shipped(root *os.Root) error {
	if len(l.Findings) == 0 {
		return nil
	}
	owner := map[string]*Package{}
	for i := range l.Packages {
		for _, f := range l.Packages[i].Files {
			owner[f] = &l.Packages[i]
		}
	}
	for i := range l.Findings {
		f := &l.Findings[i]
		p := owner[f.Path]
		if p == nil {
			continue
		}
		sum, err := md5Of(root, f.Path)
		if err != nil {
			return err
		}
		same, err := shippedAs(root, p, f.Path, sum)
		if err != nil {
			return err
		}
		if same {
			f.Shipped = p.Name
		}
	}
	return nil
}

func md5Of(root *os.Root, file string) (string, error) {
	f, err := root.Open(file[1:])
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := md5.New() //nolint:gosec // see above
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// shippedAs says whether the package's md5sums, or the list of its configuration files in dpkg's status, has this sum
// for the file.
func shippedAs(root *os.Root, p *Package, file, sum string) (bool, error) {
	same := false
	err := lines(root, strings.TrimSuffix(p.List, ".list")+".md5sums", func(line string) {
		same = same || line == sum+"  "+file[1:]
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil || same {
		return same, err
	}
	within := false
	err = lines(root, dpkgDir+"status", func(line string) {
		if name, ok := strings.CutPrefix(line, "Package: "); ok {
			within = name == p.Name
		}
		same = same || within && line == " "+file+" "+sum
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return same, err
}
