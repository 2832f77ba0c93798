package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/virtualcard"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"spinesim": main, "signin": signIn})
}

// TestScripts runs the examples of testdata. Besides testscript's own commands there is "signin ENVIRONMENTS CARD",
// which signs in with a card's file and prints what came of it, and "waits FILE TEXT" for a server in the background.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireUniqueNames: true})
}

// signIn signs in as the agent does, and prints the login.
func signIn() {
	if err := day(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func day(environments, file string) error {
	ctx := context.Background()
	all, err := spine.LoadEnvironments(environments)
	if err != nil {
		return err
	}
	card, err := virtualcard.LoadCard(filepath.Clean(file))
	if err != nil {
		return err
	}
	client, err := spine.New(spine.Options{Environment: all["spinesim"], Version: "test"})
	if err != nil {
		return err
	}
	defer client.Close()
	challenge, err := client.Activate(ctx)
	if err != nil {
		return err
	}
	slot := virtualcard.SlotAuthentication
	cms, err := spine.CMS(card.Certificate(slot).Raw, challenge.Bytes, crypto.SHA1, func(content []byte) ([]byte, error) {
		h := crypto.SHA1.New()
		h.Write(content)
		return rsa.SignPKCS1v15(rand.Reader, card.PrivateKey(slot), crypto.SHA1, h.Sum(nil))
	})
	if err != nil {
		return err
	}
	login, err := client.Validate(ctx, card.UID(), challenge, cms)
	if err != nil {
		return err
	}
	if err := client.SelectRole(ctx, login.Ticket, login.Roles[0].ID); err != nil {
		return err
	}
	assertion, err := client.Assertion(ctx, login.Ticket)
	if err != nil {
		return err
	}
	if err := client.Logout(ctx, login); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(assertion)
}
