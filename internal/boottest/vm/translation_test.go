package vm

import "testing"

func TestOutdated(t *testing.T) {
	for version, want := range map[string]bool{
		"7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)": true,
		"9.2.0": true,
		"10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)": false,
		"11.1.0": false,
		"next":   true,
		"":       true,
	} {
		if got := Outdated(version); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
