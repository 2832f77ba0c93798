// Nhos-identity-card holds smartcard drivers for the Identity Agent, which starts it and speaks to it over its standard
// input and output. It is of no use by hand.
package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"nhos.org/nhos/internal/identity/card/engine"
)

func main() {
	if len(os.Args) > 1 || term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Fprintln(os.Stderr, "nhos-identity-card: error: it is started by nhos-identityd and takes no arguments")
		os.Exit(2)
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "nhos-identity-card: error:", err)
		os.Exit(1)
	}
}

func serve() error {
	if err := engine.Harden(); err != nil {
		return err
	}
	in, out, err := engine.TakePipes()
	if err != nil {
		return err
	}
	return engine.Serve(context.Background(), in, out)
}
