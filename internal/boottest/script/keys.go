package script

import (
	"slices"
	"strings"
)

// aliases are what people call the keys that QEMU has other names for.
var aliases = map[string]string{
	"enter": "ret", "return": "ret", "escape": "esc", "del": "delete", "ins": "insert", "pageup": "pgup", "pagedown": "pgdn",
	"super": "meta_l", "windows": "meta_l", "altgr": "alt_r", "space": "spc", "print": "print", "plus": "kp_add",
}

// named are QEMU's names of keys that have more than one letter (QKeyCode in qapi/ui.json), those of a PC keyboard.
var named = strings.Fields(`ret esc tab spc backspace delete insert home end pgup pgdn up down left right
	ctrl ctrl_r alt alt_r shift shift_r meta_l meta_r menu caps_lock num_lock scroll_lock print sysrq pause
	f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 minus equal comma dot slash backslash semicolon apostrophe grave_accent
	bracket_left bracket_right less kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 kp_add kp_subtract kp_multiply
	kp_divide kp_enter kp_decimal volumeup volumedown audiomute`)

// combination takes "ctrl-alt-f2" apart; unknown is the part that is no key.
func combination(text string) (keys []string, unknown string) {
	for _, part := range strings.Split(text, "-") {
		name := strings.ToLower(part)
		if alias, ok := aliases[name]; ok {
			name = alias
		}
		letter := len(name) == 1 && (name[0] >= 'a' && name[0] <= 'z' || name[0] >= '0' && name[0] <= '9')
		if !letter && !slices.Contains(named, name) {
			return nil, part
		}
		keys = append(keys, name)
	}
	return keys, ""
}
