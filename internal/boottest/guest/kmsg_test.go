package guest

import (
	"testing"
	"time"
)

func TestInitrdStart(t *testing.T) {
	for record, want := range map[string]time.Duration{
		"6,450,14112079,-;Run /init as init process\n":   14112079 * time.Microsecond,
		"6,450,77,-,caller=T1;Run /init as init process": 77 * time.Microsecond,
		"7,451,14112099,-;  with arguments:\n":           0,
		"14,9,99,-;Running /init as init process\n":      0,
		"6,450,x,-;Run /init as init process\n":          0,
		"6,450,-5,-;Run /init as init process\n":         0,
		"Run /init as init process":                      0,
		"":                                               0,
	} {
		if at, ok := initrdStart(record); at != want && ok || ok != (want > 0) {
			t.Errorf("%q: %v %t", record, at, ok)
		}
	}
}
