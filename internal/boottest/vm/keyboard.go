package vm

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Keyboard is the layout by which a guest understands keys.
type Keyboard string

// The layouts.
const (
	US Keyboard = "us" // also for ""
	GB Keyboard = "gb"
)

// typePause is between two keys. A keyboard holds some five of them until the guest takes them, and a guest that is
// emulated on a busy computer may be away for half a second.
const typePause = 100 * time.Millisecond

// A stroke is a key, with Shift or without.
type stroke struct {
	key   string // QEMU's name (QKeyCode), of the place on the keyboard
	shift bool
}

// strokes returns how runes are typed. The order of the runes is that of the keys.
func strokes(k Keyboard) (map[rune]stroke, error) {
	table := map[rune]stroke{'\n': {key: "ret"}, '\t': {key: "tab"}, ' ': {key: "spc"}}
	for c := 'a'; c <= 'z'; c++ {
		table[c] = stroke{key: string(c)}
		table[c-'a'+'A'] = stroke{string(c), true}
	}
	row := func(plain, shifted string, keys ...string) {
		for i, c := range []rune(plain) {
			table[c] = stroke{key: keys[i]}
		}
		for i, c := range []rune(shifted) {
			table[c] = stroke{keys[i], true}
		}
	}
	digits := strings.Split("1234567890", "")
	row("-=[];,./", "_+{}:<>?", "minus", "equal", "bracket_left", "bracket_right", "semicolon", "comma", "dot", "slash")
	switch k {
	case US, "":
		row("1234567890", "!@#$%^&*()", digits...)
		row("'`\\", "\"~|", "apostrophe", "grave_accent", "backslash")
	case GB:
		row("1234567890", "!\"£$%^&*()", digits...)
		// The key left of Return is # here, and the one left of Z, which US keyboards don't have, is \.
		row("'`#\\", "@¬~|", "apostrophe", "grave_accent", "backslash", "less")
	default:
		return nil, fmt.Errorf("unknown keyboard %q (us and gb are known)", k)
	}
	return table, nil
}

// Type types a text, as far as the keyboard has its characters: if it doesn't have all of them, nothing is typed.
func (v *VM) Type(ctx context.Context, text string) error {
	keys, err := spell(v.keyboard, text)
	if err != nil {
		return err
	}
	for _, s := range keys {
		if err := v.input(ctx, s.events()...); err != nil {
			return fmt.Errorf("typing: %w", err)
		}
		if !sleep(ctx, typePause) {
			return ctx.Err()
		}
	}
	return nil
}

// spell returns the strokes of a text.
func spell(k Keyboard, text string) ([]stroke, error) {
	if k == "" {
		k = US
	}
	table, err := strokes(k)
	if err != nil {
		return nil, err
	}
	var keys []stroke
	missing := map[rune]bool{}
	var names []string
	for _, c := range text {
		s, ok := table[c]
		if !ok && !missing[c] {
			missing[c] = true
			names = append(names, fmt.Sprintf("%q", c))
		}
		keys = append(keys, s)
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("typing: a %s keyboard has no %s", strings.ToUpper(string(k)), strings.Join(names, ", "))
	}
	return keys, nil
}

// events are what a finger does: all at once, so that no guest, however slow, sees a key held down and repeats it.
func (s stroke) events() []inputEvent {
	press := func(key string, down bool) inputEvent {
		return inputEvent{"key", map[string]any{"down": down, "key": map[string]any{"type": "qcode", "data": key}}}
	}
	if !s.shift {
		return []inputEvent{press(s.key, true), press(s.key, false)}
	}
	return []inputEvent{press("shift", true), press(s.key, true), press(s.key, false), press("shift", false)}
}
