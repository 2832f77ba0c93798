// Package report turns what the boots of a medium showed into something to read and something to count.
//
// A test writes one folder a run, with result.json and the pictures and logs that it names; a build writes what the
// medium holds beside it. [Load] finds the runs, [ReadBuild] what is known of the medium, and [Write] makes of them
//
//	report.html   one page for people: no network, no script, its pictures within it; it links the evidence beside it
//	junit.xml     the same verdicts for a CI system
//
// Everything in a run came out of a guest and may be hostile: it is escaped, stripped of escape sequences, and its
// files are read from within the run's folder alone. The same runs give the same bytes.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

// The files that [Write] makes and [Load] reads, and the folders where a test leaves its runs.
const (
	PageName    = "report.html"
	JUnitName   = "junit.xml"
	ResultName  = "result.json"
	BootsDir    = "boots"
	PreviousDir = "previous" // what is kept of the build before, boots among it
)

// A Run is a result with the folder that its pictures and logs are in.
type Run struct {
	Dir    string
	Result scenario.Result
}

// Load reads the runs in the folders of dir, in the order BIOS, UEFI, Secure Boot, and as a CD before as a stick.
// Folders without a result.json aren't runs. No run at all is an error.
func Load(dir string) ([]Run, error) {
	runs, err := load(dir)
	if err != nil {
		return nil, err
	}
	return inOrder(dir, runs)
}

// LoadAll reads the runs of all media whose folders are in dir. No run at all is an error.
func LoadAll(dir string) ([]Run, error) {
	media, err := os.ReadDir(dir)
	if err != nil {
		return nil, none(fmt.Errorf("reading results: %w", err))
	}
	var all []Run
	for _, medium := range media {
		boots := filepath.Join(dir, medium.Name(), BootsDir)
		if !isFolder(boots) {
			continue
		}
		runs, err := load(boots)
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
	}
	return inOrder(dir, all)
}

// inOrder sorts what was read from dir, which must be something.
func inOrder(dir string, runs []Run) ([]Run, error) {
	if len(runs) == 0 {
		return nil, none(fmt.Errorf("no results below %s", dir))
	}
	sortRuns(runs)
	return runs, nil
}

// load reads the runs in the folders of dir.
func load(dir string) ([]Run, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, none(fmt.Errorf("reading results: %w", err))
	}
	var runs []Run
	for _, entry := range entries {
		folder := filepath.Join(dir, entry.Name())
		path := filepath.Join(folder, ResultName)
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || !isFolder(folder) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading a result: %w", err)
		}
		run := Run{Dir: folder}
		if err := json.Unmarshal(data, &run.Result); err != nil {
			return nil, ui.Hint(fmt.Errorf("reading %s: %w", path, err), "the test may have been cut short; run it again")
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Write writes the page and the JUnit file about runs into dir, each whole or not at all.
//
// The page also tells of build, the medium that the runs are of, unless it is nil: a foreign medium has none. A
// picture or log that can't be read is no error: the page says that it is missing.
func Write(dir string, build *Build, runs []Run) error {
	if len(runs) == 0 {
		return none(errors.New("no results to report"))
	}
	runs = slices.Clone(runs)
	sortRuns(runs)
	page, err := html(dir, build, runs)
	if err != nil {
		return fmt.Errorf("making %s: %w", PageName, err)
	}
	counted, err := junit(runs)
	if err != nil {
		return fmt.Errorf("making %s: %w", JUnitName, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for name, data := range map[string][]byte{PageName: page, JUnitName: counted} {
		if err := renameio.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	return nil
}

func none(err error) error {
	return ui.Hint(err, "nhos test writes results: name the folder that it wrote them to")
}

// sortRuns puts the runs of one medium together, and the usual ways to boot first.
func sortRuns(runs []Run) {
	firmwares := []string{"bios", "uefi", "secureboot"}
	place := func(firmware string) int {
		if i := slices.Index(firmwares, firmware); i >= 0 {
			return i
		}
		return len(firmwares)
	}
	slices.SortStableFunc(runs, func(a, b Run) int {
		x, y := a.Result, b.Result
		return cmp.Or(
			strings.Compare(x.Medium, y.Medium), strings.Compare(x.SHA256, y.SHA256),
			place(x.Firmware)-place(y.Firmware), strings.Compare(x.As, y.As),
			strings.Compare(x.Name, y.Name), strings.Compare(a.Dir, b.Dir),
		)
	})
}
