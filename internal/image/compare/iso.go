package compare

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// Where things are in an ISO 9660 image (ECMA-119, 6.2 and 8; El Torito 1.0).
const (
	sector          = 2048
	firstDescriptor = 16
	maxDescriptors  = 64
)

// A medium is an ISO that was read.
type medium struct {
	file    *os.File
	tree    tree
	extents map[string]int64 // byte at which each regular file begins
}

// media compares two ISOs: their boot records, their files, and the layers among them.
func (r *Report) media(ctx context.Context, a, b *os.File) error {
	ma, err := readMedium(ctx, a)
	if err != nil {
		return err
	}
	mb, err := readMedium(ctx, b)
	if err != nil {
		return err
	}
	if err := r.records(a, b); err != nil {
		return err
	}
	for _, d := range diffTrees(onMedium, ma.tree, mb.tree) {
		if d.What != Content {
			r.Differences = append(r.Differences, d)
			continue
		}
		pa, pb := ma.part(d.Path), mb.part(d.Path)
		if kindOf(pa.file, pa.offset) == isSquashfs && kindOf(pb.file, pb.offset) == isSquashfs {
			r.Differences = append(r.Differences, d)
			if err := r.layers(ctx, d.Path, pa, pb); err != nil {
				return err
			}
			continue
		}
		d.a, d.b = place{file: pa.name, offset: pa.offset, size: ma.tree[d.Path].Size}, place{file: pb.name, offset: pb.offset, size: mb.tree[d.Path].Size}
		r.Differences = append(r.Differences, d)
	}
	return nil
}

func (m *medium) part(name string) part { return part{m.file, m.extents[name], m.file.Name()} }

// readMedium digests all files of an ISO.
func readMedium(ctx context.Context, f *os.File) (m *medium, err error) {
	// A medium may come from anywhere, and the reader of its file system trusts what it reads.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading %s: its file system is damaged: %v", f.Name(), r)
		}
	}()
	fs, err := iso9660.Read(file.New(f, true), 0, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	m = &medium{f, tree{}, map[string]int64{}}
	if err := m.walk(ctx, fs, ".", 0); err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	return m, nil
}

func (m *medium) walk(ctx context.Context, fs *iso9660.FileSystem, dir string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%.80s… lies too deep", dir)
	}
	entries, err := fs.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the folder %s: %w", dir, err)
	}
	for _, found := range entries {
		if ctx.Err() != nil {
			return fmt.Errorf("it was interrupted: %w", context.Cause(ctx))
		}
		name := path.Join(dir, found.Name())
		info, err := found.Info()
		if err != nil {
			return err
		}
		e := &entry{Mode: uint32(info.Mode().Perm()), Time: info.ModTime().Unix()}
		m.tree[name] = e
		stat, _ := info.Sys().(*iso9660.StatT)
		if stat != nil {
			e.UID, e.GID, e.Target = stat.UID, stat.GID, stat.LinkTarget
		}
		switch {
		case found.IsDir():
			e.Type = 'd'
			if err := m.walk(ctx, fs, name, depth+1); err != nil {
				return err
			}
		case info.Mode().Type() == iofs.ModeSymlink:
			e.Type = 'l'
		default:
			e.Type = '-'
			if stat != nil {
				m.extents[name] = int64(stat.Location) * sector
			}
			content, err := fs.Open(name)
			if err != nil {
				return err
			}
			if e.Size, e.SHA256, err = sum(content); err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
		}
	}
	return nil
}

// records compares what firmware boots by.
func (r *Report) records(a, b io.ReaderAt) error {
	ra, err := readRecords(a)
	if err != nil {
		return err
	}
	rb, err := readRecords(b)
	if err != nil {
		return err
	}
	for i := range max(len(ra), len(rb)) {
		switch {
		case i >= len(ra):
			r.add(rb[i].name, Added, "", rb[i].say)
		case i >= len(rb):
			r.add(ra[i].name, Removed, ra[i].say, "")
		case ra[i].name != rb[i].name:
			r.add(ra[i].name, Type, ra[i].name, rb[i].name)
		case !bytes.Equal(ra[i].bytes, rb[i].bytes):
			at := 0
			for ra[i].bytes[at] == rb[i].bytes[at] {
				at++
			}
			where := fmt.Sprintf(" (from byte %d)", at)
			r.add(ra[i].name, Content, ra[i].say+where, rb[i].say+where)
		}
	}
	return nil
}

// A record is a part of an ISO that isn't a file.
type record struct {
	name  string
	say   string // what it says, for people
	bytes []byte
}

// readRecords reads the system area with MBR and GPT, the volume descriptors, and the boot catalog.
func readRecords(f io.ReaderAt) ([]record, error) {
	read := func(at int64, size int) ([]byte, error) {
		b := make([]byte, size)
		if _, err := f.ReadAt(b, at); err != nil {
			return nil, fmt.Errorf("reading the boot records: %w", err)
		}
		return b, nil
	}
	area, err := read(0, firstDescriptor*sector)
	if err != nil {
		return nil, err
	}
	all := []record{{"[MBR and GPT]", "", area}}
	for i := range int64(maxDescriptors) {
		d, err := read((firstDescriptor+i)*sector, sector)
		if err != nil {
			return nil, err
		}
		switch d[0] {
		case 0:
			all = append(all, record{"[boot record]", text(d[7:39]), d})
			if at := int64(binary.LittleEndian.Uint32(d[0x47:])); strings.HasPrefix(text(d[7:39]), "EL TORITO") {
				catalog, err := read(at*sector, sector)
				if err != nil {
					return nil, err
				}
				all = append(all, record{"[boot catalog]", "", catalog})
			}
		case 1:
			all = append(all, record{"[volume descriptor]", describe(d, text(d[40:72])), d})
		case 2:
			all = append(all, record{"[Joliet descriptor]", describe(d, ""), d})
		case 255:
			return all, nil
		}
	}
	return all, nil
}

// describe says the volume's name, its size and when it was made.
func describe(d []byte, name string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %d sectors, made %s", name, binary.LittleEndian.Uint32(d[80:]), text(d[813:829])))
}

func text(b []byte) string { return strings.TrimRight(string(b), " \x00") }
