package plan

import (
	"encoding/json"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/media"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
)

// A Recipe is all that goes into a layer: its key is the digest of it.
type Recipe struct {
	Step        int
	Parent      store.Digest
	Compression string
	Tools       map[string]string
	Install     []Package
	Remove      []string
	Ops         []rootfs.Op // with what they follow from, which the key doesn't cover
	Kernel      bool
	More        any // of the base: the suite, and what is excluded and included
}

func (r Recipe) key() store.Digest {
	r.Ops = keyed(r.Ops)
	return digest(r)
}

// A BootRecipe is what the boot files are made from.
type BootRecipe struct {
	Step    int
	Base    store.Digest
	Tools   map[string]string
	Install []Package
	Script  string
}

// A MediumRecipe is what a medium is made from.
type MediumRecipe struct {
	Step    int
	Layers  []store.Digest
	Boot    store.Digest
	Content media.Content
	Menu    string
	Tools   map[string]string
	Allowed []string // "PATH KIND" of what may pass the scan for secrets
}

// A Note is what the store remembers of the last time that a layer, the boot files or the medium of an image was made:
// the recipe, and what explains it to a person and doesn't change what is made.
type Note[R any] struct {
	Key    store.Digest   `json:"key"`
	Recipe R              `json:"recipe"`
	From   []rootfs.Cause `json:"from,omitempty"`   // values of the definition that the recipe holds in other fields
	Layers []string       `json:"layers,omitempty"` // of a medium: the names of its layers
	Noted  time.Time      `json:"noted"`
}

// A memory is a note that is to be taken when the thing has been made.
type memory struct {
	name string // in the store
	note func() any
}

// Remember notes in the store what the thing was made from, for later plans to compare with.
func (m memory) Remember(s *store.Store) error {
	text, err := json.Marshal(m.note())
	if err != nil {
		return err
	}
	return s.Remember(m.name, text)
}

// noteNames are what notes about a part of an image are called. A respin that was never built compares with its image.
func noteNames(img *definition.Image, part string) []string {
	part = strings.ReplaceAll(part, " ", "-")
	names := []string{img.ID() + "." + part}
	if img.Respin != "" {
		names = append(names, img.Name+"."+part)
	}
	return names
}

// since are the reasons that compare finds, when what was made last is known and isn't the same.
func since[R any](img *definition.Image, was *Note[R], key store.Digest, compare func(*comparison)) []Reason {
	switch {
	case was == nil:
		return []Reason{{Kind: First}}
	case was.Key == key:
		return []Reason{{Kind: Lost}}
	}
	c := &comparison{img: img}
	compare(c)
	return c.reasons
}

func newMemory[R any](name string, n Note[R]) memory {
	return memory{name, func() any {
		n.Noted = time.Now().UTC().Truncate(time.Second)
		return n
	}}
}

// recall reads the note that was taken last under one of these names; nil when there is none that can be read.
func recall[R any](s *store.Store, names ...string) *Note[R] {
	for _, name := range names {
		text, err := s.Recall(name)
		if err != nil {
			continue
		}
		n := &Note[R]{}
		if json.Unmarshal(text, n) == nil && n.Key.Valid() {
			return n
		}
	}
	return nil
}
