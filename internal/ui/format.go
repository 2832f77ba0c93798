package ui

import (
	"fmt"
	"time"
)

// Bytes writes a size in the decimal units that media are sold in, with three figures: "512 B", "1.26 GB", "214 MB".
func Bytes(n int64) string {
	if n > -1000 && n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for _, next := range []float64{1e3, 1e6, 1e9, 1e12, 1e15} {
		// 999.5 of a unit would be rounded to 1000 of it.
		if size := abs(float64(n)); size < next*0.9995 {
			break
		}
		value = float64(n) / next
		unit++
	}
	return fmt.Sprintf("%.*f %s", decimals(value), value, [...]string{"B", "kB", "MB", "GB", "TB", "PB"}[unit])
}

// decimals is how many places after the point make three figures of v.
func decimals(v float64) int {
	switch v = abs(v); {
	case v < 9.995:
		return 2
	case v < 99.95:
		return 1
	default:
		return 0
	}
}

func abs(v float64) float64 { return max(v, -v) }

// Duration writes a time as a person would say it: "12.3 s", "2 min 05 s", "1 h 02 min".
func Duration(d time.Duration) string {
	if tenths := d.Round(time.Second / 10); tenths < time.Minute {
		return fmt.Sprintf("%.1f s", tenths.Seconds())
	}
	return wholeDuration(d)
}

// wholeDuration is [Duration] without the tenths, for what changes while it is read.
func wholeDuration(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	switch minutes := (seconds + 30) / 60; {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min %02d s", seconds/60, seconds%60)
	default:
		return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
	}
}
