package card_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// An engine with a card in a reader mostly sleeps: a wait that returns at once would show as thousands of commands to the
// card, or of switches.
func TestEngineSleepsWhileNothingHappens(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	w.untilCards(1)
	engine, commands := engineOf(t), virtual.Stats().Commands
	before := switches(t, engine)
	time.Sleep(3 * time.Second)
	// One look a second takes a few dozen in all threads.
	if got := switches(t, engine) - before; got > 1000 {
		t.Errorf("an idle engine was switched to %d times in 3 s", got)
	}
	if got := virtual.Stats().Commands - commands; got > 5 {
		t.Errorf("an idle engine sent %d commands to the card in 3 s", got)
	}
}

// switches is how often the threads of a process went to sleep so far.
func switches(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, task := range tasks {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, task.Name()))
		if err != nil {
			continue // a thread that has ended
		}
		for line := range strings.Lines(string(status)) {
			if value, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				n, err := strconv.Atoi(strings.TrimSpace(value))
				if err != nil {
					t.Fatal(err)
				}
				total += n
			}
		}
	}
	return total
}
