package ui

import (
	"testing"
	"time"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "999": 999, "40G": 40e9, "40 GB": 40e9, "1.5T": 15e11, "512Mi": 512 << 20, "2kB": 2000, "7B": 7, " 3M ": 3e6, "1KiB": 1024,
	} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "G", "4X", "4iB", "1e9", "99999999999P", "4 0"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	for _, n := range []int64{0, 12, 999_000, 1_260_000_000} {
		if got, err := ParseBytes(Bytes(n)); err != nil || got != n {
			t.Errorf("%d is written %q and read as %d, %v", n, Bytes(n), got, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "0d": 0, "36h": 36 * time.Hour, "90m": 90 * time.Minute, "0": 0} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-3h", "3", "1.5d", "99999d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
