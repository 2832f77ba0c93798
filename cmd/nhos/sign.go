package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/ui"
)

func newSign(f *flags) *cobra.Command {
	var key, fresh string
	c := &cobra.Command{
		Use: "sign IMAGE|FOLDER --key FILE", GroupID: "make", Short: "Sign a medium and all that lies beside it",
		Long: `sign holds the files beside a medium against SHA256SUMS and signs that list: by an ed25519 key (SHA256SUMS.sig, which
ssh-keygen -Y verify reads too) or an OpenPGP key (SHA256SUMS.asc, which gpg reads too). The passphrase of a locked key
is asked for on the terminal.`,
		Example: `  nhos sign --new-key release.key       makes release.key and release.key.pub
  nhos sign desktop --key release.key`,
		Args: func(c *cobra.Command, args []string) error {
			if fresh != "" {
				return exactArgs(0, "no name when it makes a key")(c, args)
			}
			return exactArgs(1, "the name of one image or respin, or one folder")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if fresh != "" {
				if err := signature.NewKey(fresh, "nhos"); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s      the private key: keep it to yourself\n%s.pub  the public key: verify with it\n", fresh, fresh)
				return err
			}
			if key == "" {
				return ui.Usage(ui.Hint(fmt.Errorf("%s takes a key", c.CommandPath()), "--key names its file; --new-key makes one"))
			}
			dir, _, err := f.built(args[0])
			if err != nil {
				return err
			}
			private, err := signature.LoadPrivate(key, askPassphrase)
			if err != nil {
				return err
			}
			name, err := signature.Sign(dir, private)
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), struct {
					File     string `json:"file"`
					SignedBy string `json:"signed_by"`
				}{filepath.Join(dir, name), private.String()})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s  by %s\n", filepath.Join(dir, name), private)
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "", "`file` of the private key: ed25519 (OpenSSH or PEM) or OpenPGP")
	c.Flags().StringVar(&fresh, "new-key", "", "make an ed25519 key in `FILE` instead, and its public part in FILE.pub")
	return c
}

// askPassphrase asks for that of a locked key.
func askPassphrase(prompt string) ([]byte, error) {
	text, err := ui.AskSecret(prompt)
	if err != nil {
		return nil, fmt.Errorf("it is locked by a passphrase: %w", err)
	}
	return text, nil
}
