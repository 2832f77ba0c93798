package store

import (
	"bytes"
	"testing"
)

func FuzzReadNote(f *testing.F) {
	sealed, err := writeNote(Action{Name: "layer base of mini", Outputs: map[string]Blob{"layer": {Digest: "ab", Size: 5}}, Date: 7})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(bytes.Replace(sealed, []byte("base"), []byte("best"), 1))
	f.Add([]byte(`{"outputs": {"a": {"size": -1}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := readNote(text)
		if err != nil {
			return
		}
		again, err := writeNote(a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := readNote(again)
		if err != nil {
			t.Fatalf("what was written can't be read: %v\n%s", err, again)
		}
		if twice, err := writeNote(b); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("changed on the way (%v):\n%s\n%s", err, again, twice)
		}
	})
}
