package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"nhos.org/nhos/internal/boottest/report"
)

// FuzzLoad makes the page of a result that a guest may have had a hand in.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"name": "bios-cd", "medium": "a.iso", "firmware": "bios", "as": "cd", "verdict": "passed", "duration_ns": 5, "serial_log": "serial.log",
		"timeline": [{"at_ns": 5, "what": "kernel starts"}, {"at_ns": 3, "what": "systemd"}], "pictures": [{"at_ns": -1, "file": "../../x.png", "caption": "</figure><script>"}],
		"checks": [{"id": "a/b", "claim": "<script>", "passed": false, "output": "\u001b[31m"}], "guest": {"os": "<b>"}, "reasons": ["no"]}`))
	f.Add([]byte(`{"manifest": {"checks": [{"id": ""}]}, "steps": [{"line": -1, "picture": "/etc/passwd"}], "checks": [{}]}`))
	f.Fuzz(func(t *testing.T, result []byte) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "run", report.ResultName), result, 0o644); err != nil {
			t.Fatal(err)
		}
		runs, err := report.Load(dir)
		if err != nil {
			return
		}
		if err := report.Write(dir, nil, runs); err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(dir, report.PageName))
		if err != nil {
			t.Fatal(err)
		}
		if lower := bytes.ToLower(page); bytes.Contains(lower, []byte("<script")) || bytes.ContainsRune(page, 0x1b) {
			t.Errorf("the guest's words came through:\n%s", page)
		}
	})
}
