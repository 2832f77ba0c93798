package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/ui"
)

func newReport(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "report [IMAGE|FILE.iso]", GroupID: "test", Short: "Write the report of all boots of a medium, or of all media, anew",
		Long: "report gathers what every boot of the medium gave, also of earlier calls of nhos test, into one report.html and\none junit.xml. " +
			"Without a name it does so for everything that was tested, into the folder of all results.",
		Example: `  nhos report desktop
  nhos report downloads/other.iso
  nhos report                      one page about all media`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return ui.Usage(ui.Hint(errors.New(c.CommandPath()+" takes one name, or none for all"), c.CommandPath()+" --help shows examples"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			write := f.reportAll
			if len(args) == 1 {
				write = func() (string, error) { return f.reportOne(args[0]) }
			}
			folder, err := write()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(folder, report.PageName))
			return err
		},
	}
}

// reportOne writes the report of one medium and returns its folder.
func (f *flags) reportOne(arg string) (folder string, err error) {
	_, folder, _, err = f.medium(arg)
	if err != nil {
		return "", err
	}
	runs, err := report.Load(filepath.Join(folder, report.BootsDir))
	if err != nil {
		return "", err
	}
	build, err := report.ReadBuild(folder)
	if err != nil {
		return "", err
	}
	return folder, report.Write(folder, build, runs)
}

// reportAll writes the report of all media into the folder that theirs are in, and returns it.
func (f *flags) reportAll() (folder string, err error) {
	folder, err = f.outDir("")
	if err != nil {
		return "", err
	}
	runs, err := report.LoadAll(folder)
	if err != nil {
		return "", err
	}
	return folder, report.Write(folder, nil, runs)
}
