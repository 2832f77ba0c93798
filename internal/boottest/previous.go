package boottest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
)

// keepPrevious keeps the result in a run's folder, which the next boot empties, when it is of another medium than the
// one that is built now: the report compares with it. A result that can't be read isn't worth keeping.
func keepPrevious(folder, run string) error {
	build, err := report.ReadBuild(folder)
	if err != nil || build == nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(folder, report.BootsDir, run, report.ResultName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var old scenario.Result
	if err == nil && (json.Unmarshal(data, &old) != nil || old.SHA256 == build.SHA256) {
		return nil
	}
	to := filepath.Join(folder, report.PreviousDir, report.BootsDir, run)
	if err == nil {
		err = os.MkdirAll(to, 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(filepath.Join(to, report.ResultName), data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("keeping the result of the medium before: %w", err)
	}
	return nil
}
