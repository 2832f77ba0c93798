//go:build boot

package survival

import (
	"strings"
	"testing"
	"time"
)

// TestScripts has scripts that fail, hang, and leave a daemon behind.
func TestScripts(t *testing.T) {
	c := newTrial(t, "")
	c.write(`
-- respins/fails/respin.yaml --
description: Its script fails
image: plain
-- respins/fails/scripts/10-fail --
#!/bin/sh
echo the paper is jammed
exit 3
-- respins/hangs/respin.yaml --
description: Its script hangs, and what it began as well
image: plain
-- respins/hangs/scripts/10-hang --
#!/bin/sh
trap '' TERM INT HUP
echo waiting for the paper
sleep 7650011 &
sleep 7650012
-- respins/daemon/respin.yaml --
description: Its script leaves a daemon behind
image: plain
-- respins/daemon/scripts/10-daemon --
#!/bin/sh
setsid sh -c 'trap "" TERM HUP; sleep 7650013; touch /still-here' &
exit 0
`)
	c.fails([]string{"respins/fails/scripts/10-fail: exit status 3\nthe paper is jammed\n", "hint: all that was printed is in " + c.out + "/fails/logs/layer-respin.log"}, "build", "fails")

	begun := time.Now()
	c.fails([]string{
		"respins/hangs/scripts/10-hang: not finished after 2.0 s: it was ended\nwaiting for the paper\n",
		"hint: --script-timeout gives it longer",
	}, "build", "hangs", "--script-timeout", "2s")
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	c.sleepersGone()

	if said, code := c.call("build", "daemon"); code != 0 {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	c.sleepersGone()
	c.clean()
	c.kept("plain", finished...)
	c.write(`
-- respins/fails/scripts/10-fail --
#!/bin/sh
true
`)
	if said, code := c.call("build", "fails"); code != 0 {
		t.Errorf("the script is mended, and the build gives exit code %d:\n%s", code, said)
	}
}

// sleepersGone wants none of the scripts' processes to run.
func (c *trial) sleepersGone() {
	c.t.Helper()
	for _, argv := range commands() {
		if strings.Contains(argv, "sleep 765001") {
			c.t.Errorf("still runs: %s", argv)
		}
	}
}
