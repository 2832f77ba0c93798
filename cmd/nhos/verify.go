package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/ui"
)

func newVerify(f *flags) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify IMAGE|FOLDER|FILE.iso --key FILE", GroupID: "test", Short: "Say whether a medium is the one that was signed",
		Long: `verify holds SHA256SUMS against its signature, and the files beside it against SHA256SUMS; of an ISO, only that file.
It takes no network. The exit code is 0 when all is as it was signed and 1 when not: signed by another key, a file
altered or missing.`,
		Example: `  nhos verify desktop --key release.key.pub
  nhos verify /media/stick/nhos-desktop-amd64.iso --key release.key.pub`,
		Args: exactArgs(1, "the name of one image or respin, one folder, or the path of one ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			if key == "" {
				return ui.Usage(ui.Hint(fmt.Errorf("%s takes a public key", c.CommandPath()), "--key names its file"))
			}
			dir, only, err := f.built(args[0])
			if err != nil {
				return err
			}
			public, err := signature.LoadPublic(key)
			if err != nil {
				return err
			}
			report, verdict := signature.Verify(dir, only, public)
			if report == nil {
				return verdict
			}
			if f.json {
				return errors.Join(ui.WriteJSON(c.OutOrStdout(), report), verdict)
			}
			for _, v := range report.Files {
				fmt.Fprintf(c.OutOrStdout(), "%-8s %s\n", v.State, filepath.Join(dir, v.File))
			}
			if verdict == nil {
				fmt.Fprintf(c.OutOrStdout(), "signed by %s\n", report.SignedBy)
			}
			return verdict
		},
	}
	c.Flags().StringVar(&key, "key", "", "`file` of the public key: ed25519 (OpenSSH or PEM) or OpenPGP")
	return c
}

// built finds the folder of a medium that an argument means, and the name of the one file in it that it means, or "".
func (f *flags) built(arg string) (dir, only string, err error) {
	if strings.HasSuffix(arg, ".iso") {
		return filepath.Dir(arg), filepath.Base(arg), nil
	}
	if _, err := os.Stat(filepath.Join(arg, signature.SumsFile)); err == nil {
		return arg, "", nil
	}
	dir, err = f.outDir(arg)
	if err != nil {
		return "", "", err
	}
	if _, err := os.Stat(dir); err != nil {
		return "", "", ui.Hint(fmt.Errorf("nothing is built of %s: %w", arg, err), "nhos build "+arg+" makes it; nhos list says what there is")
	}
	return dir, "", nil
}
