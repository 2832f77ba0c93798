package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/evidence"
	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/ui"
)

func newEvidence(f *flags) *cobra.Command {
	var format, key string
	c := &cobra.Command{
		Use: "evidence IMAGE", GroupID: "test", Short: "Say which security controls a medium is shown to hold",
		Long: `evidence holds the controls of controls/*.yaml against the medium that was built of the image: its files, and what its
checks came to in the boots that are kept. It writes evidence.html and evidence.csv beside the medium (docs/evidence.md).

A control holds, fails, is waived by the respin, is not shown, or is for a person to attest. Boots of another medium aren't
counted. The exit code is 3 when a control fails without a waiver.`,
		Example: `  nhos evidence desktop
  nhos evidence hscni --key release.key.pub     the signature counts as well
  nhos evidence desktop --format csv
  nhos evidence desktop --json`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(evidenceFormats, format) {
				return ui.Usage(ui.Hint(fmt.Errorf("no format is called %q", format), "formats are html, csv and both"))
			}
			r := evidence.Request{ID: args[0], Now: time.Now()}
			var err error
			if r.Definitions, err = f.definitionsDir(); err != nil {
				return err
			}
			if r.Dir, err = f.outDir(args[0]); err != nil {
				return err
			}
			if key != "" {
				if r.Key, err = signature.LoadPublic(key); err != nil {
					return err
				}
			}
			pack, err := evidence.Read(r)
			if err != nil {
				return err
			}
			written, err := pack.Write(r.Dir, format)
			if err != nil {
				return err
			}
			if f.json {
				return errors.Join(ui.WriteJSON(c.OutOrStdout(), pack), pack.Verdict())
			}
			if err := pack.Summary(c.OutOrStdout()); err != nil {
				return err
			}
			for _, name := range written {
				fmt.Fprintln(c.OutOrStdout(), filepath.Join(r.Dir, name))
			}
			return pack.Verdict()
		},
	}
	c.Flags().StringVar(&format, "format", "both", "html, csv or both")
	c.Flags().StringVar(&key, "key", "", "`file` of the public key that the medium is to be signed by")
	return c
}

var evidenceFormats = []string{"html", "csv", "both"}
