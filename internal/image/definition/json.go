package definition

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"time"
)

// MarshalJSON writes a duration as text ("5s"), everything else as what it is.
func (v Value[T]) MarshalJSON() ([]byte, error) {
	var value any = v.Value
	if d, ok := value.(time.Duration); ok {
		value = short(d)
	}
	return json.Marshal(struct {
		Value  any    `json:"value"`
		Origin Origin `json:"origin"`
	}{value, v.Origin})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value[T]) UnmarshalJSON(text []byte) error {
	var raw struct {
		Value  json.RawMessage `json:"value"`
		Origin Origin          `json:"origin"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	v.Origin = raw.Origin
	d, ok := any(&v.Value).(*time.Duration)
	if !ok {
		return json.Unmarshal(raw.Value, &v.Value)
	}
	var s string
	err := json.Unmarshal(raw.Value, &s)
	if err == nil {
		*d, err = time.ParseDuration(s)
	}
	return err
}

// fileTypes are the types of a File as words.
var fileTypes = map[fs.FileMode]string{0: "file", fs.ModeDir: "directory", fs.ModeSymlink: "symlink"}

// fileJSON is a File with its type as a word and its mode as octal digits.
type fileJSON struct {
	plainFile
	Type string `json:"type"`
	Mode string `json:"mode"`
}

type plainFile File // without File's methods

// MarshalJSON writes the type as "file", "directory" or "symlink", and the mode in octal digits: "0644".
func (f File) MarshalJSON() ([]byte, error) {
	return json.Marshal(fileJSON{plainFile(f), fileTypes[f.Type], octal(f.Mode)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *File) UnmarshalJSON(text []byte) error {
	var raw fileJSON
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	mode, err := strconv.ParseUint(raw.Mode, 8, 12)
	if err != nil {
		return fmt.Errorf("mode of %s: %w", raw.Path, err)
	}
	*f = File(raw.plainFile)
	f.Mode = fs.FileMode(mode)
	for t, word := range fileTypes {
		if word == raw.Type {
			f.Type = t
			return nil
		}
	}
	return fmt.Errorf("type of %s: unknown word %q", raw.Path, raw.Type)
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%04o", uint32(mode)) }
