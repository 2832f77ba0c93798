package ui

import (
	"encoding/json"
	"io"
)

// WriteJSON writes v for programs and people: indented by two blanks, with <, > and & as they are.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
