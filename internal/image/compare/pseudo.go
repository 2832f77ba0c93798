package compare

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// What a description may hold. A desktop's layer has 91,000 entries.
const (
	maxEntries = 8 << 20
	maxName    = 64 << 10 // bytes of a path, or of the rest of a line
)

// startOfData ends the description; the bytes of all files follow it.
const startOfData = "START OF DATA - DO NOT MODIFY"

// A stored is a regular file whose bytes follow the description.
type stored struct {
	*entry
	offset int64
}

// readPseudo reads what unsquashfs -pf writes (mksquashfs(1), "Pseudo file definition format"): a line an entry, and
// then the bytes of all files in the order of the lines.
//
//	usr/bin/su R 1794475820 4755 0 0 84360 7643 0      type, time, mode, uid, gid; size, offset, sparse
//	usr/bin/lessecho L usr/bin/less                    another name of the same file
func readPseudo(from io.Reader) (tree, error) {
	r := bufio.NewReaderSize(from, 1<<20)
	t := tree{}
	var files []stored
	links := map[string]string{}
	for {
		name, err := readName(r)
		if err != nil {
			return nil, fmt.Errorf("reading its description: %w", err)
		}
		if name == "#\n" { // an empty remark
			continue
		}
		rest, err := readLine(r)
		if err != nil {
			return nil, fmt.Errorf("reading its description: %w", err)
		}
		if name == "#" {
			if rest == startOfData {
				break
			}
			continue
		}
		if len(t) >= maxEntries {
			return nil, fmt.Errorf("it has more than %d entries", maxEntries)
		}
		name = path.Clean(strings.TrimPrefix(name, "/"))
		kind, fields, _ := strings.Cut(rest, " ")
		switch kind {
		case "L":
			links[name] = path.Clean(unescape(fields))
			continue
		case "x": // an extended attribute; see addXattrs
			continue
		}
		e, offset, err := readEntry(kind, fields)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clip(name), err)
		}
		t[name] = e
		if e.Type == '-' {
			files = append(files, stored{e, offset})
		}
	}
	if rest, err := readLine(r); err != nil || rest != "#" {
		return nil, errors.New("its description has no end")
	}
	if err := digest(r, files); err != nil {
		return nil, err
	}
	for name, first := range links {
		if t[first] == nil {
			return nil, fmt.Errorf("%q is another name of %q, which isn't there", clip(name), clip(first))
		}
		e := *t[first]
		e.Link = first
		t[name] = &e
	}
	return t, nil
}

// digest reads the bytes of all files.
func digest(r io.Reader, files []stored) error {
	slices.SortStableFunc(files, func(a, b stored) int { return int(min(1, max(-1, a.offset-b.offset))) })
	var at int64
	for _, f := range files {
		if f.offset != at {
			return fmt.Errorf("a file's bytes begin at %d, not at %d", f.offset, at)
		}
		size, sum, err := sum(io.LimitReader(r, f.Size))
		if err != nil {
			return err
		}
		if size != f.Size {
			return io.ErrUnexpectedEOF
		}
		f.SHA256 = sum
		at += size
	}
	return nil
}

// readEntry reads a line after the name and the type.
func readEntry(kind, line string) (e *entry, offset int64, err error) {
	f := strings.SplitN(line, " ", 5)
	if len(f) < 4 {
		return nil, 0, fmt.Errorf("%q is no description", clip(line))
	}
	f = append(f, "")
	var n [4]uint64
	for i, base := range []int{10, 8, 10, 10} {
		if n[i], err = number(f[i], base, 33); err != nil {
			return nil, 0, err
		}
	}
	e = &entry{Time: int64(n[0]), Mode: uint32(n[1]) & 0o7777, UID: uint32(n[2]), GID: uint32(n[3])}
	more := strings.Fields(f[4])
	switch {
	case kind == "D":
		e.Type = 'd'
	case kind == "S":
		e.Type, e.Target = 'l', f[4]
	case (kind == "B" || kind == "C") && len(more) == 2:
		e.Type, e.Device = kind[0]|0x20, more[0]+":"+more[1]
	case kind == "I" && len(more) == 1 && more[0] == "s":
		e.Type = 's'
	case kind == "I" && len(more) == 1:
		e.Type = 'p'
	case kind == "R" && len(more) >= 2:
		e.Type = '-'
		size, err := number(more[0], 10, 64)
		if err != nil {
			return nil, 0, err
		}
		at, err := number(more[1], 10, 64)
		if err != nil {
			return nil, 0, err
		}
		e.Size, offset = int64(size), int64(at)
	default:
		return nil, 0, fmt.Errorf("%q is no description", clip(kind+" "+line))
	}
	return e, offset, nil
}

// readName reads up to a blank. A blank or backslash of the name itself has a backslash before it; a line break hasn't.
func readName(r *bufio.Reader) (string, error) {
	var name bytes.Buffer
	for name.Len() < maxName {
		c, err := r.ReadByte()
		if err != nil {
			return "", unexpected(err)
		}
		switch c {
		case ' ':
			return name.String(), nil
		case '\\':
			if c, err = r.ReadByte(); err != nil {
				return "", unexpected(err)
			}
		}
		name.WriteByte(c)
		if name.Len() == 2 && name.String() == "#\n" {
			return "#\n", nil
		}
	}
	return "", errors.New("a name has no end")
}

// readLine reads to the end of the line.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxName:
			return "", errors.New("a line has no end")
		case err == nil:
			return string(line[:len(line)-1]), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", unexpected(err)
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unescape takes the backslashes away that stand before blanks and the like.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
