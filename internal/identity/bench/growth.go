package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// sample is what a process takes at one moment.
type sample struct {
	ResidentKiB int
	PeakKiB     int
	Descriptors int
	Threads     int
	// Goroutines and HeapKiB are known of a process that tells: 0 otherwise. The heap is what is alive after a collection.
	Goroutines int
	HeapKiB    int
}

// look samples a process from outside.
func look(pid int) (s sample, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, fmt.Errorf("looking at the agent: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		key, rest, _ := strings.Cut(line, ":")
		value, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		switch key {
		case "VmRSS":
			s.ResidentKiB = value
		case "VmHWM":
			s.PeakKiB = value
		case "Threads":
			s.Threads = value
		}
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	s.Descriptors = len(open)
	if err == nil && s.ResidentKiB == 0 {
		err = errors.New("looking at the agent: it has ended")
	}
	return s, err
}

// scheduled is how long the threads of a process have run so far, and how long they were ready to and had to wait for a
// processor: the latter is other work's.
func scheduled(pid int) (ran, waited time.Duration) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
		var r, w time.Duration
		if _, err := fmt.Sscan(string(text), &r, &w); err == nil { // nanoseconds
			ran, waited = ran+r, waited+w
		}
	}
	return ran, waited
}

// child is a process's only child, whichever of its threads started it.
func child(pid int) (int, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			return strconv.Atoi(fields[0])
		}
	}
	return 0, fmt.Errorf("process %d has no child", pid)
}

// least takes the smaller of each: what is under way for a moment isn't growth.
func (s sample) least(t sample) sample {
	return sample{
		ResidentKiB: min(s.ResidentKiB, t.ResidentKiB), PeakKiB: max(s.PeakKiB, t.PeakKiB), Descriptors: min(s.Descriptors, t.Descriptors),
		Threads: min(s.Threads, t.Threads), Goroutines: min(s.Goroutines, t.Goroutines), HeapKiB: min(s.HeapKiB, t.HeapKiB),
	}
}

// growth compares the end of the second tenth of a soak with its end. What comes before warms up: connections, buffers,
// threads.
type growth struct{ first, last sample }

// sampleAt samples where n of all cycles are done, if that is one of the two moments.
func (g *growth) sampleAt(n, all int, look func() (sample, error)) error {
	at := &g.last
	switch n {
	case max(1, all/5):
		at = &g.first
	case all:
	default:
		return nil
	}
	for i := range 8 {
		s, err := look()
		if err != nil {
			return err
		}
		if i == 0 {
			*at = s
		}
		*at = at.least(s)
		time.Sleep(25 * time.Millisecond)
	}
	return nil
}

// What may be more at the end by chance: a connection to the Spine that is kept, a thread, a page here and there.
const (
	strayDescriptors = 2
	strayThreads     = 3
	strayGoroutines  = 4
	strayHeapKiB     = 128
	strayResidentKiB = 4096 // with the race detector, pages come and go by 2 MiB; the heap tells growth finer
)

// rows are what there is to say, each with this before it.
func (g growth) rows(what string) Figures {
	row := func(name, unit string, first, last, stray int, scale float64) Row {
		figure := fmt.Sprintf("%s%s, from %s", what, name, strings.TrimSpace(number(float64(first)/scale)+" "+unit))
		return Row{Figure: figure, Value: float64(last-first) / scale, Unit: unit, Most: float64(stray) / scale, Limited: true}
	}
	rows := Figures{
		row("more resident memory", "MiB", g.first.ResidentKiB, g.last.ResidentKiB, strayResidentKiB, 1024),
		row("more descriptors", "", g.first.Descriptors, g.last.Descriptors, strayDescriptors, 1),
		row("more threads", "", g.first.Threads, g.last.Threads, strayThreads, 1),
	}
	if g.first.Goroutines > 0 {
		rows = append(rows,
			row("more goroutines", "", g.first.Goroutines, g.last.Goroutines, strayGoroutines, 1),
			row("more heap", "KiB", g.first.HeapKiB, g.last.HeapKiB, strayHeapKiB, 1))
	}
	return rows
}
