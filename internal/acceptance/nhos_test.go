//go:build boot || acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/vm"
)

// repository is the folder that holds images/ and features/.
const repository = "../.."

// nhos is the program, for one folder of definitions and one of results. The store is the machine's, so that what one
// test has made serves the next.
type nhos struct {
	t           *testing.T
	definitions string
	out         string
}

// shipped is nhos for the repository's own definitions. Its results are kept in the folder NHOS_RESULTS, where all tests
// share the media and nhos uses verdicts again, or thrown away.
func shipped(t *testing.T) nhos {
	t.Helper()
	kept := os.Getenv("NHOS_RESULTS")
	if kept == "" {
		kept = t.TempDir()
	}
	return nhos{t, repository, kept}
}

// provoked is nhos for testdata's definitions, which lie over the repository's bases and features.
func provoked(t *testing.T) nhos {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []struct{ from, to string }{
		{repository + "/bases", "bases"}, {repository + "/features", "features"}, {"testdata/definitions", "."},
	} {
		to := filepath.Join(dir, part.to)
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-a", part.from+"/.", to).CombinedOutput(); err != nil {
			t.Fatalf("copying %s: %v\n%s", part.from, err, out)
		}
	}
	return nhos{t, dir, t.TempDir()}
}

// call runs nhos and returns what it printed on standard output, all that it printed, and its exit code.
func (n nhos) call(args ...string) (out, all string, code int) {
	n.t.Helper()
	program := os.Getenv("NHOS")
	if program == "" {
		n.t.Fatal("NHOS names no program: run these tests by make test or make acceptance")
	}
	cmd := exec.Command(program, append([]string{"--definitions", n.definitions, "--out", n.out}, args...)...)
	var stdout, both bytes.Buffer
	cmd.Stdout = writers{&stdout, &both}
	cmd.Stderr = &both
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return stdout.String(), both.String(), cmd.ProcessState.ExitCode()
}

type writers []*bytes.Buffer

func (w writers) Write(p []byte) (int, error) {
	for _, b := range w {
		b.Write(p)
	}
	return len(p), nil
}

// build makes an image and returns the path of its ISO, and what was printed.
func (n nhos) build(id string, args ...string) (iso, all string) {
	n.t.Helper()
	out, all, code := n.call(append([]string{"build", id}, args...)...)
	if code != 0 {
		n.t.Fatalf("nhos build %s gave exit code %d:\n%s", id, code, all)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], all
}

// boot tests a medium one way and returns its result and the exit code.
func (n nhos) boot(id, firmware, as string, args ...string) (scenario.Result, int) {
	n.t.Helper()
	_, all, code := n.call(append([]string{"test", id, "--firmware", firmware, "--as", as}, args...)...)
	n.t.Logf("nhos test %s --firmware %s --as %s:\n%s", id, firmware, as, all)
	runs, err := report.Load(filepath.Join(n.out, id, "boots"))
	if err != nil {
		n.t.Fatalf("%v\n%s", err, all)
	}
	o := scenario.Options{Firmware: vm.Firmware(firmware), As: vm.Attachment(as)}
	if i := slices.Index(args, "--entry"); i >= 0 {
		o.Entry = args[i+1]
	}
	if i := slices.Index(args, "--memory"); i >= 0 {
		o.Memory, _ = strconv.Atoi(args[i+1])
	}
	name := o.Name()
	i := slices.IndexFunc(runs, func(r report.Run) bool { return r.Result.Name == name })
	if i < 0 {
		n.t.Fatalf("no result of %s:\n%s", name, all)
	}
	for _, file := range []string{report.PageName, report.JUnitName} {
		if info, err := os.Stat(filepath.Join(n.out, id, file)); err != nil || info.Size() == 0 {
			n.t.Errorf("%s: %v", file, err)
		}
	}
	return runs[i].Result, code
}

// green boots a medium and wants it to pass, with every check run.
func (n nhos) green(id, firmware, as string, args ...string) scenario.Result {
	n.t.Helper()
	r, code := n.boot(id, firmware, as, args...)
	if code != 0 || r.Verdict != scenario.Passed {
		n.t.Errorf("%s as %s under %s: exit code %d, %s: %s", id, as, firmware, code, r.Verdict, strings.Join(r.Reasons, "; "))
	}
	if r.Manifest == nil {
		n.t.Fatalf("the medium has no manifest")
	}
	for _, want := range r.Manifest.Checks {
		if !passed(r, want.ID) {
			n.t.Errorf("check %s didn't pass", want.ID)
		}
	}
	for _, id := range []string{"guest/boot-finished", "guest/no-failed-units", "screen/shown", "screen/menu-names-product", "medium/unchanged"} {
		if !passed(r, id) {
			n.t.Errorf("check %s didn't pass", id)
		}
	}
	return r
}

// play plays scenarios on a medium and wants all of them to pass, with no step left out.
func (n nhos) play(id string, scenarios ...string) {
	n.t.Helper()
	_, all, code := n.call("test", id, "--scenario", strings.Join(scenarios, ","))
	n.t.Logf("nhos test %s --scenario %s:\n%s", id, strings.Join(scenarios, ","), all)
	runs, err := report.Load(filepath.Join(n.out, id, "boots"))
	if err != nil {
		n.t.Fatalf("%v\n%s", err, all)
	}
	for _, want := range scenarios {
		i := slices.IndexFunc(runs, func(r report.Run) bool { return r.Result.Scenario == want })
		if i < 0 {
			n.t.Errorf("no result of %s", want)
			continue
		}
		r := runs[i].Result
		if code != 0 || r.Verdict != scenario.Passed || len(r.Steps) == 0 {
			n.t.Errorf("%s: exit code %d, %s: %s", want, code, r.Verdict, strings.Join(r.Reasons, "; "))
		}
		for _, s := range r.Steps {
			if !s.Passed {
				n.t.Errorf("%s, line %d: %s: skipped %q: %s", want, s.Line, s.What, s.Skipped, s.Output)
			}
		}
	}
}

// red boots a medium and wants it to fail, for a reason that holds these words, with a picture and a log.
func (n nhos) red(id, words string, args ...string) scenario.Result {
	n.t.Helper()
	r, code := n.boot(id, "bios", "cd", args...)
	if code != 3 || r.Verdict != scenario.Failed {
		n.t.Errorf("exit code %d, verdict %s; want 3, failed", code, r.Verdict)
	}
	if !strings.Contains(strings.Join(r.Reasons, "\n"), words) {
		n.t.Errorf("%q is not among the reasons: %q", words, r.Reasons)
	}
	if len(r.Pictures) == 0 || r.SerialLog == "" {
		n.t.Errorf("no last picture or no log: %d pictures, log %q", len(r.Pictures), r.SerialLog)
	}
	return r
}

// serial is what the guest of a result wrote to its serial port.
func (n nhos) serial(id string, r scenario.Result) string {
	n.t.Helper()
	log, err := os.ReadFile(filepath.Join(n.out, id, "boots", r.Name, r.SerialLog))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(log)
}

func passed(r scenario.Result, id string) bool {
	return slices.ContainsFunc(r.Checks, func(c scenario.Check) bool { return c.ID == id && c.Passed })
}

// plan returns which layers of an image the store has, by name.
func (n nhos) plan(id string, args ...string) map[string]bool {
	n.t.Helper()
	out, all, code := n.call(append([]string{"plan", id, "--json"}, args...)...)
	if code != 0 {
		n.t.Fatalf("nhos plan %s gave exit code %d:\n%s", id, code, all)
	}
	var p struct {
		Layers []struct {
			Name   string
			Cached bool
		}
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		n.t.Fatalf("%v\n%s", err, out)
	}
	cached := map[string]bool{}
	for _, l := range p.Layers {
		cached[l.Name] = l.Cached
	}
	return cached
}

// size is a file's, in bytes.
func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
