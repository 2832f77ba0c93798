package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// folder reads what lies beside the definition file of a base, feature or respin: files/, scripts/ and checks/.
func (l *loader) folder(p *part, stated []fileKeys) {
	dir := folderOf(p.Kind, p.Name)
	l.strays(dir, string(p.Kind)+".yaml")
	l.files(p, dir, stated)
	l.scripts(p, dir+"/scripts")
	l.checkFiles(p, dir+"/checks")
}

// strays reports a folder whose name is nearly the one of a folder that is read: what lies in it would be left out
// without a word.
func (l *loader) strays(dir, file string) {
	known := []string{file, "files", "scripts", "checks", "scenarios"}
	for _, e := range l.readDir(dir) {
		if strings.HasSuffix(e.Name(), "~") || strings.HasPrefix(e.Name(), ".") {
			continue // an editor's
		}
		if near := ui.Nearest(e.Name(), known); near != "" && near != e.Name() {
			l.add(Origin{File: dir + "/" + e.Name()}, fmt.Sprintf("did you mean %q?", near), "nothing reads it")
		}
	}
}

// readDir lists a folder, sorted by name. One that isn't there is empty.
func (l *loader) readDir(dir string) []fs.DirEntry {
	info, err := l.root.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 && strings.Count(dir, "/") > 1 {
		l.add(Origin{File: dir}, "make it a folder", "is a symbolic link")
		return nil
	}
	entries, err := fs.ReadDir(l.root.FS(), dir)
	if err != nil {
		l.add(Origin{File: dir}, "", "opening it: %v", cause(err))
	}
	return entries
}

// scriptName leaves out what editors and package managers leave behind.
var scriptName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// scripts reads the scripts of a part.
func (l *loader) scripts(p *part, dir string) {
	for _, e := range l.readDir(dir) {
		file := dir + "/" + e.Name()
		at := Origin{File: file}
		info, err := e.Info()
		switch {
		case err != nil:
			l.add(at, "", "opening it: %v", cause(err))
		case !info.Mode().IsRegular():
			l.add(at, "scripts/ holds scripts alone", "is %s", typeName(info.Mode()))
		case !scriptName.MatchString(e.Name()):
			l.add(at, "name it with letters, digits, dots and dashes, for example 10-menus", "is not the name of a script")
		case info.Mode()&0o100 == 0:
			l.add(at, "chmod +x "+file, "is not executable")
		default:
			sum, _, head, err := l.digest(file)
			if err != nil {
				l.add(at, "", "reading it: %v", cause(err))
			} else if head != "#!" {
				l.add(at, "begin it with the program that runs it, for example #!/bin/sh", `does not start with "#!"`)
			}
			p.Scripts = append(p.Scripts, Script{e.Name(), filepath.Join(l.dir, file), sum, at})
		}
	}
}

// checkFiles reads the lists of checks of a part.
func (l *loader) checkFiles(p *part, dir string) {
	for _, e := range l.readDir(dir) {
		file := dir + "/" + e.Name()
		if !e.Type().IsRegular() || !strings.HasSuffix(file, ".yaml") {
			l.add(Origin{File: file}, "a file of checks is called NAME.yaml", "is not a file of checks")
			continue
		}
		if n := l.parse(l.root, file); n != nil {
			var checks []checkKeys
			l.decode(file, n, &checks)
			p.checks = append(p.checks, checks...)
		}
	}
}

// digest returns the SHA-256 and the size of a file, and its first two bytes.
func (l *loader) digest(file string) (sum string, size int64, head string, err error) {
	f, err := l.root.Open(file)
	if err != nil {
		return "", 0, "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	first := make([]byte, 2)
	n, err := io.ReadFull(f, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", 0, "", err
	}
	h.Write(first[:n])
	rest, err := io.Copy(h, f)
	if err != nil {
		return "", 0, "", err
	}
	return hex.EncodeToString(h.Sum(nil)), int64(n) + rest, string(first[:n]), nil
}

// typeName says what kind of thing is in the way.
func typeName(m fs.FileMode) string {
	names := map[fs.FileMode]string{
		0: "a file", fs.ModeDir: "a folder", fs.ModeSymlink: "a symbolic link", fs.ModeNamedPipe: "a named pipe",
		fs.ModeSocket: "a socket", fs.ModeDevice: "a device", fs.ModeDevice | fs.ModeCharDevice: "a device",
	}
	if name, ok := names[m.Type()]; ok {
		return name
	}
	return "no file"
}
