package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/virtualcard"
	"nhos.org/nhos/internal/ui"
)

// cardFlags are what card new is asked for.
type cardFlags struct {
	dir, people, passcode string
	json                  bool
}

// A made card, as it is printed.
type made struct {
	UID  string `json:"uid"`
	File string `json:"file"`
}

func newCardNew() *cobra.Command {
	f := &cardFlags{}
	c := &cobra.Command{
		Use: "new [UID…]", Short: "Make test cards, and a CA that issues them",
		Long: `new makes a virtual card of each uid (12 digits), or of each person of the server. A card is a file, UID.card, with its keys and
its passcode in it. authority.pem beside it has the CA with its key, and is taken again the next time; ca.pem has its
certificate alone, which "spinesim serve --card-ca" takes.`,
		Example: `  spinesim card new --dir cards
  spinesim card new --dir cards --passcode 135790 555000000101`,
		RunE: func(c *cobra.Command, uids []string) error {
			cards, err := f.make(uids)
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), cards)
			}
			for _, card := range cards {
				if _, err := fmt.Fprintln(c.OutOrStdout(), card.File); err != nil {
					return err
				}
			}
			return nil
		},
	}
	p := c.Flags()
	p.StringVar(&f.dir, "dir", ".", "`folder` for the cards and their CA")
	p.StringVar(&f.people, "people", "", "`file` of people and organisations (default: invented ones)")
	p.StringVar(&f.passcode, "passcode", "1234", "4 to 8 `digits` that the test cards ask for; no secret")
	p.BoolVar(&f.json, "json", false, "write JSON, for programs")
	return c
}

// make makes the cards of uids, or of everybody.
func (f *cardFlags) make(uids []string) ([]made, error) {
	if len(uids) == 0 {
		directory, err := people(f.people)
		if err != nil {
			return nil, err
		}
		for _, p := range directory.People {
			uids = append(uids, p.UID)
		}
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for cards: %w", err)
	}
	authority, err := f.authority()
	if err != nil {
		return nil, err
	}
	if err := write(filepath.Join(f.dir, "ca.pem"), authority.CertificatePEM()); err != nil {
		return nil, err
	}
	var all []made
	for _, uid := range uids {
		card, err := authority.Issue(virtualcard.CardSpec{UID: uid, Passcode: f.passcode})
		if err != nil {
			return nil, err
		}
		file := filepath.Join(f.dir, uid+".card")
		if err := card.Save(file); err != nil {
			return nil, err
		}
		all = append(all, made{uid, file})
	}
	return all, nil
}

// authority is the folder's, or a new one.
func (f *cardFlags) authority() (*virtualcard.Authority, error) {
	file := filepath.Join(f.dir, "authority.pem")
	authority, err := virtualcard.LoadAuthority(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return authority, err
	}
	if authority, err = virtualcard.NewAuthority("spinesim test cards"); err != nil {
		return nil, err
	}
	return authority, authority.Save(file)
}
