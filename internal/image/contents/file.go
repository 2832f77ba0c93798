package contents

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// format is the version of the file's format.
const format = 1

// A line is one line of the file: exactly one of its fields is there.
type line struct {
	Format    int        `json:"format,omitempty"`
	Entry     *Entry     `json:"e,omitempty"`
	Package   *Package   `json:"p,omitempty"`
	Installed *Installed `json:"i,omitempty"`
	Diversion *Diversion `json:"d,omitempty"`
	Finding   *Finding   `json:"f,omitempty"`
	Status    bool       `json:"status,omitempty"`
	Diverted  bool       `json:"diverted,omitempty"`
}

// Write writes the layer as JSON, a line each, compressed. The same layer gives the same bytes.
func (l *Layer) Write(w io.Writer) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	out := json.NewEncoder(z)
	err = out.Encode(line{Format: format, Status: l.Status, Diverted: l.Diverted})
	for i := range l.Entries {
		err = errors.Join(err, out.Encode(line{Entry: &l.Entries[i]}))
	}
	for i := range l.Packages {
		err = errors.Join(err, out.Encode(line{Package: &l.Packages[i]}))
	}
	for i := range l.Installed {
		err = errors.Join(err, out.Encode(line{Installed: &l.Installed[i]}))
	}
	for i := range l.Diversions {
		err = errors.Join(err, out.Encode(line{Diversion: &l.Diversions[i]}))
	}
	for i := range l.Findings {
		err = errors.Join(err, out.Encode(line{Finding: &l.Findings[i]}))
	}
	return errors.Join(err, z.Close())
}

// Read reads what [Layer.Write] wrote.
func Read(r io.Reader) (*Layer, error) {
	z, err := gzip.NewReader(bufio.NewReaderSize(r, 256<<10))
	if err != nil {
		return nil, fmt.Errorf("reading the contents of a layer: %w", err)
	}
	l := &Layer{}
	in := json.NewDecoder(io.LimitReader(z, 1<<30))
	for n := 0; ; n++ {
		var one line
		err := in.Decode(&one)
		if errors.Is(err, io.EOF) && n > 0 {
			return l, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the contents of a layer: %w", err)
		}
		switch {
		case n == 0 && one.Format != format:
			return nil, fmt.Errorf("reading the contents of a layer: format %d, not %d", one.Format, format)
		case n == 0:
			l.Status, l.Diverted = one.Status, one.Diverted
		case one.Entry != nil:
			l.Entries = append(l.Entries, *one.Entry)
		case one.Package != nil:
			l.Packages = append(l.Packages, *one.Package)
		case one.Installed != nil:
			l.Installed = append(l.Installed, *one.Installed)
		case one.Diversion != nil:
			l.Diversions = append(l.Diversions, *one.Diversion)
		case one.Finding != nil:
			l.Findings = append(l.Findings, *one.Finding)
		}
	}
}
