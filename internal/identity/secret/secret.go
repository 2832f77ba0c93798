// Package secret holds what must never be seen by anyone but its owner: passcodes and tickets.
//
// A Text prints as [redacted] wherever Go prints: by fmt with any verb, by slog, as JSON. Whoever needs the value says
// so with Reveal, so that every place where a secret comes to light is found by one search. Wipe ends it.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"runtime"
)

const redacted = "[redacted]"

// Text is a secret in memory. The zero value is empty. A Text is passed by pointer, so that there is one copy to wipe;
// it isn't safe for use by several goroutines while one of them wipes it.
type Text struct {
	bytes []byte
}

// New takes value over: the caller must not use it any more.
func New(value []byte) *Text {
	return &Text{bytes: value}
}

// Copy makes a second secret of the same value, which is wiped apart from the first.
func (t *Text) Copy() *Text {
	return New(append([]byte(nil), t.Reveal()...))
}

// Reveal gives the value itself. It is valid until Wipe; it must not be kept, printed or turned into a string that
// outlives the call that needs it.
func (t *Text) Reveal() []byte {
	if t == nil {
		return nil
	}
	return t.bytes
}

// Len is the value's length in bytes.
func (t *Text) Len() int {
	return len(t.Reveal())
}

// Equal says whether both have the same value, in a time that depends on their lengths alone.
func (t *Text) Equal(other *Text) bool {
	return subtle.ConstantTimeCompare(t.Reveal(), other.Reveal()) == 1
}

// Wipe overwrites the value and leaves an empty Text. It may be called again, and on nil.
func (t *Text) Wipe() {
	if t == nil {
		return
	}
	clear(t.bytes[:cap(t.bytes)])
	runtime.KeepAlive(t.bytes)
	t.bytes = nil
}

// String is [redacted].
func (t *Text) String() string { return redacted }

// GoString is [redacted].
func (t *Text) GoString() string { return redacted }

// Format writes [redacted], whatever the verb.
func (t *Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText is [redacted]: a secret that crosses a process is revealed for it on purpose.
func (t *Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is [redacted].
func (t *Text) LogValue() slog.Value { return slog.StringValue(redacted) }
