//go:build boot

package survival

import (
	"bytes"
	"os/exec"
	"testing"
)

// TestTwoAtOnce builds the same image twice at the same time, to the same folder, and another one that needs the same
// missing layers.
func TestTwoAtOnce(t *testing.T) {
	c := newTrial(t, "")
	c.forget(seed.keys["plain"]["packages"])
	c.forget(seed.keys["plain"]["boot"])
	var builds []*exec.Cmd
	var said [3]bytes.Buffer
	for i, id := range []string{"ward", "plain", "ward"} {
		cmd := c.command(&said[i], "build", id)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		builds = append(builds, cmd)
	}
	for i, cmd := range builds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("build %d: %v\n%s", i, err, said[i].String())
		}
	}
	for _, id := range images {
		if got := c.digest(id); got != seed.digests[id] {
			t.Errorf("the ISO of %s is %s; undisturbed it is %s", id, got, seed.digests[id])
		}
	}
	c.clean()
}
