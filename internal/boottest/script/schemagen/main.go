// Schemagen writes the JSON Schema of scenarios into the file that is its argument.
package main

import (
	"fmt"
	"os"

	"nhos.org/nhos/internal/boottest/script"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen FILE")
		os.Exit(2)
	}
	text, err := script.Schema()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen: error:", err)
		os.Exit(1)
	}
}
