package store

import (
	"errors"
	"strings"
	"testing"
)

func TestNotes(t *testing.T) {
	s := open(t)
	if _, err := s.Recall("desk.base"); !errors.Is(err, ErrMissing) {
		t.Errorf("a note that nobody took: %v", err)
	}
	for _, text := range []string{"first", "second"} {
		if err := s.Remember("desk.base", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := again.Recall("desk.base"); err != nil || string(text) != "second" {
		t.Errorf("Recall = %q, %v", text, err)
	}
}

func TestANoteStaysInItsFolder(t *testing.T) {
	s := open(t)
	for _, name := range []string{"", "../escaped", "a/b", ".hidden", strings.Repeat("a", 300)} {
		if err := s.Remember(name, nil); err == nil {
			t.Errorf("%q was taken for a name", name)
		}
		if _, err := s.Recall(name); err == nil {
			t.Errorf("%q was read", name)
		}
	}
}
