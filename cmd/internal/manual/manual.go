// Package manual makes the manual pages of a command line from what its commands say of themselves.
//
// It is of the commands and not of internal/: only commands know cobra.
package manual

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/manpage"
	"nhos.org/nhos/internal/ui"
)

// A Book is what the pages of a program say beside what its commands say of themselves.
type Book struct {
	Sections []manpage.Group // of the program's own page: exit codes, environment, files
	SeeAlso  []string        // on the program's own page
	Also     []manpage.Page  // of programs that belong to it and have no command line
}

// Command is the hidden command that writes the pages of the program that it is added to; "make man" runs it.
func (b Book) Command() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "man", Hidden: true, Short: "Write a manual page for every command",
		Long: "man writes the program's page and one for every command into a folder. They bear the date of SOURCE_DATE_EPOCH (seconds since\n" +
			"1970), or none, so that the same program writes the same pages.",
		Example: "  man --dir /usr/local/share/man/man1",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ui.Usage(errors.New(c.CommandPath() + " takes no argument"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			var date time.Time
			if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
				seconds, err := strconv.ParseInt(epoch, 10, 64)
				if err != nil {
					return ui.Usage(errors.New("SOURCE_DATE_EPOCH is not a number of seconds"))
				}
				date = time.Unix(seconds, 0)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			return b.write(c.Root(), dir, date)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "`folder` that the pages are written to")
	return c
}

// ExitStatus is the section on exit codes: those that every program has, and more between them.
func ExitStatus(more ...manpage.Item) manpage.Group {
	items := []manpage.Item{
		{Term: strconv.Itoa(ui.ExitDone), Text: "All that was asked for is done."},
		{Term: strconv.Itoa(ui.ExitFailed), Text: "It was tried and failed."},
		{Term: strconv.Itoa(ui.ExitUsage), Text: "The call was wrong; nothing was tried."},
	}
	items = append(items, more...)
	return manpage.Group{Title: "Exit status", Items: append(items, manpage.Item{Term: strconv.Itoa(ui.ExitInterrupted), Text: "It was interrupted."})}
}

// write writes the pages of a program.
func (b Book) write(root *cobra.Command, dir string, date time.Time) error {
	pages := slices.Clone(b.Also)
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		pages = append(pages, b.page(c))
		for _, sub := range c.Commands() {
			if HasPage(sub) {
				add(sub)
			}
		}
	}
	add(root)
	for _, p := range pages {
		p.Date = date
		var text bytes.Buffer
		if err := p.Write(&text); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.Name+".1"), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
