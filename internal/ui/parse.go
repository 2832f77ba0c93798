package ui

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var sizeSyntax = regexp.MustCompile(`^([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kKMGTP]?)(i?)B?$`)

// ParseBytes reads a size as [Bytes] writes it, or shorter: "40 GB", "40G", "1.5T", "512Mi", "1000000".
func ParseBytes(text string) (int64, error) {
	m := sizeSyntax.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil || m[2] == "" && m[3] != "" {
		return 0, fmt.Errorf("%q is no size: write 40G, 512M or a number of bytes", text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no size: %w", text, err)
	}
	unit := 1000.0
	if m[3] != "" {
		unit = 1024
	}
	if m[2] != "" {
		n *= math.Pow(unit, float64(1+strings.Index("KMGTP", strings.ToUpper(m[2]))))
	}
	if n >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is more than a size can be", text)
	}
	return int64(n), nil
}

// ParseDuration reads a time as package time does, and also days: "30d", "36h", "90m".
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time: write 30d, 36h or 90m", text)
	}
	return d, nil
}
