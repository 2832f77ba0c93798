// Schemagen writes the JSON Schemas of the definition files into the folder that is its argument.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/image/definition"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen: error:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, kind := range definition.SchemaKinds() {
		text, err := definition.Schema(kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, string(kind)+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
