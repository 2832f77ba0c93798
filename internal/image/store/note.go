package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// A note is an action as its file has it. A blob is found to be damaged by its name; a note by the digest that it
// carries of its own text without it.
type note struct {
	Action
	Digest Digest `json:"sha256,omitempty"`
}

func writeNote(a Action) ([]byte, error) {
	n, err := sealed(a)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(n, "", "  ")
	return append(text, '\n'), err
}

// readNote refuses a note that isn't as it was written. Those of the first stores carry no digest.
func readNote(text []byte) (Action, error) {
	var n note
	read := json.NewDecoder(bytes.NewReader(text))
	read.DisallowUnknownFields()
	if err := read.Decode(&n); err != nil {
		return n.Action, err
	}
	want, err := sealed(n.Action)
	if err == nil && n.Digest != "" && n.Digest != want.Digest {
		err = errors.New("its digest is another")
	}
	return n.Action, err
}

// sealed is a with its digest.
func sealed(a Action) (note, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return note{}, err
	}
	sum, err := digest(strings.NewReader(string(text)))
	return note{a, sum.Digest}, err
}
