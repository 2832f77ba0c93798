package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/boottest/report"
)

func newReport(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "report IMAGE|FILE.iso", GroupID: "test", Short: "Write the report of all boots of a medium anew",
		Long: "report gathers what every boot of the medium gave, also of earlier calls of nhos test, into one report.html and\none junit.xml.",
		Example: `  nhos report desktop
  nhos report downloads/other.iso`,
		Args: exactArgs(1, "the name of one image or respin, or the path of one ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			_, folder, _, err := f.medium(args[0])
			if err != nil {
				return err
			}
			runs, err := report.Load(filepath.Join(folder, report.BootsDir))
			if err != nil {
				return err
			}
			build, err := report.ReadBuild(folder)
			if err != nil {
				return err
			}
			if err := report.Write(folder, build, runs); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(folder, report.PageName))
			return err
		},
	}
}
