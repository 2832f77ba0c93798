package rootfs

import (
	"strings"
	"time"
)

const (
	searchPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	daemonGrace = 2 * time.Second
)

// A tail keeps the last bytes that were written to it.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// String is what was kept, from the first whole line on.
func (t *tail) String() string {
	s := string(t.kept)
	if len(t.kept) == t.limit {
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			s = rest
		}
	}
	return s
}
