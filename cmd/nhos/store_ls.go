package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

func newStoreLs(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List what the store keeps",
		Example: `  nhos store ls
  nhos store ls --json`,
		Long: `ls lists every step whose result is kept, the one used last at the top, and packages and indexes in sum. Sizes of steps
count what they share; the total counts it once.`,
		Args: exactArgs(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.openStore()
			if err != nil {
				return err
			}
			contents, err := s.Contents()
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), contents)
			}
			return contentsTable(contents).Write(c.OutOrStdout())
		},
	}
}

func contentsTable(c *store.Contents) *ui.Table {
	t := ui.NewTable(ui.Column{Title: "what"}, ui.Column{Title: "key"}, ui.Column{Title: "size", Numeric: true},
		ui.Column{Title: "made"}, ui.Column{Title: "last used"})
	steps, _ := c.Of(store.Step)
	for _, e := range slices.Backward(steps) {
		t.Add(e.Name, e.Key.Short(), ui.Bytes(e.Size), when(e.Made), when(e.Used))
	}
	if packages, size := c.Of(store.Package); len(packages) > 0 {
		t.Add(fmt.Sprintf("%d packages", len(packages)), "", ui.Bytes(size), "", when(packages[len(packages)-1].Used))
	}
	if indexes, size := c.Of(store.Indexes); len(indexes) > 0 {
		t.Add("indexes of archives", "", ui.Bytes(size), "", when(indexes[len(indexes)-1].Used))
	}
	if kept, size := c.Of(store.Failed); len(kept) > 0 {
		t.Add(fmt.Sprintf("%d failed layers", len(kept)), "", ui.Bytes(size), "", when(kept[len(kept)-1].Used))
	}
	if c.Making > 0 {
		t.Add("in the making", "", ui.Bytes(c.Making))
	}
	if c.Other > 0 {
		t.Add("notes", "", ui.Bytes(c.Other))
	}
	t.Add("total", "", ui.Bytes(c.Size+c.Making+c.Other))
	return t
}

// when is a time for a person, to the minute.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}
