package ui

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// AskSecret asks the person at the terminal for something that isn't shown while it is typed. Where there is no terminal
// it is an error: secrets come neither from arguments nor from the environment.
func AskSecret(prompt string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, Hint(errors.New("there is no terminal to ask for a secret on"), "run it in a terminal")
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt)
	secret, err := term.ReadPassword(int(tty.Fd()))
	fmt.Fprintln(tty)
	if err != nil {
		return nil, fmt.Errorf("asking for a secret on the terminal: %w", err)
	}
	return secret, nil
}
