package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"

	"nhos.org/nhos/internal/boottest/script"
)

// verdictsDir is the folder, below the cache folder, of what is remembered of passed runs: a file a key.
const verdictsDir = "verdicts"

// A verdictNote says where the result with a key is.
type verdictNote struct {
	Dir string `json:"dir"`
}

// key is the digest of all that the verdict of a run depends on: medium, script, machine, and the programs that play
// the machine and ask the guest.
func (o Options) key(r Result) (string, error) {
	program, err := script.FileDigest(o.NHOS)
	if err != nil {
		return "", fmt.Errorf("reading this program: %w", err)
	}
	firmware := ""
	for _, file := range o.QEMU.FirmwareFiles(o.Firmware) {
		sum, err := script.FileDigest(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // starting the machine says what is missing
			return "", fmt.Errorf("reading the firmware: %w", err)
		}
		firmware += sum + " "
	}
	script := ""
	if o.Script != nil {
		script = o.Script.Digest
	}
	b, err := json.Marshal(map[string]any{
		"medium": r.SHA256, "scenario": r.Scenario, "script": script, "entry": r.Entry,
		"firmware": r.Firmware, "firmware files": firmware, "as": r.As, "memory": r.Memory, "cpus": r.CPUs,
		"qemu": r.QEMU, "accelerator": r.Accelerator.Name, "program": program,
	})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// recall returns the result of a run with this key that passed, with its files in this run's folder. Whatever is wrong
// with what was kept makes the run be made again, and so does a waiver that it passed by and that has run out.
func (o Options) recall(key string) (Result, bool) {
	if o.Fresh || o.Keep || o.Prompt != nil {
		return Result{}, false
	}
	b, err := os.ReadFile(o.noteFile(key))
	var note verdictNote
	if err != nil || json.Unmarshal(b, &note) != nil {
		return Result{}, false
	}
	r, err := readResult(note.Dir)
	if err != nil || r.Key != key || r.Verdict != Passed || !r.whole(note.Dir) || r.outlived(o.now) {
		return Result{}, false
	}
	if note.Dir != o.Dir {
		if os.RemoveAll(o.Dir) != nil || os.CopyFS(o.Dir, os.DirFS(note.Dir)) != nil {
			return Result{}, false
		}
	}
	r.Reused = true
	r.Medium = filepath.Base(o.Medium)
	r.Notes = append(r.Notes, fmt.Sprintf("reused: it passed on %s, and nothing that the verdict depends on has changed since",
		r.Started.Local().Format("2006-01-02 15:04")))
	o.Progress.Note(r.Name + ": reused, " + r.Outcome() + " on " + r.Started.Local().Format("2006-01-02 15:04") + "; --fresh boots again")
	return r, true
}

// remember notes where the result of a run that passed is.
func (o Options) remember(r Result) error {
	if r.Verdict != Passed {
		return nil
	}
	b, err := json.Marshal(verdictNote{o.Dir})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(o.noteFile(r.Key)), 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(o.noteFile(r.Key), append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("remembering the verdict: %w", err)
	}
	return nil
}

func (o Options) noteFile(key string) string {
	return filepath.Join(o.CacheDir, verdictsDir, key+".json")
}

func readResult(dir string) (r Result, err error) {
	b, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

// outlived reports whether a check was waived that isn't borne any more on the day of now.
func (r Result) outlived(now time.Time) bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Waived && !c.Borne(now) })
}

// whole reports whether the files are there that a result names.
func (r Result) whole(dir string) bool {
	files := []string{r.SerialLog}
	if r.Journal != "" {
		files = append(files, r.Journal)
	}
	if r.Traffic != "" {
		files = append(files, r.Traffic)
	}
	for _, p := range r.Pictures {
		files = append(files, p.File)
	}
	for _, file := range files {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}
