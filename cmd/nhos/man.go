package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nhos.org/nhos/internal/manpage"
	"nhos.org/nhos/internal/ui"
)

// newMan is what "make man" runs.
func newMan() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "man", Hidden: true, Short: "Write a manual page for every command",
		Long: "man writes nhos.1 and a page for every command into a folder. They bear the date of SOURCE_DATE_EPOCH (seconds since\n" +
			"1970), or none, so that the same program writes the same pages.",
		Example: "  nhos man --dir /usr/local/share/man/man1",
		Args:    exactArgs(0, "no argument"),
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
			return writeManual(c.Root(), dir, date)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "`folder` that the pages are written to")
	return c
}

// writeManual writes the pages of a command and of those below it.
func writeManual(c *cobra.Command, dir string, date time.Time) error {
	var b bytes.Buffer
	if err := page(c, date).Write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, pageName(c)+".1"), b.Bytes(), 0o644); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if hasPage(sub) {
			if err := writeManual(sub, dir, date); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// hasPage leaves out what nobody calls, and what cobra brings: the help is these pages.
func hasPage(c *cobra.Command) bool {
	return c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion"
}

// page is what a command says of itself.
func page(c *cobra.Command, date time.Time) manpage.Page {
	p := manpage.Page{
		Name: pageName(c), Date: date, Short: c.Short, Synopsis: synopsis(c), Description: c.Long, Examples: c.Example,
		Options: []manpage.Group{{Title: "Options", Items: options(c.LocalNonPersistentFlags())}},
	}
	if c.Long == "" {
		p.Description = c.Short + "."
	}
	if c.HasParent() {
		p.Options = append(p.Options, manpage.Group{Title: "Options of every command", Items: options(c.InheritedFlags())})
		p.SeeAlso = append(p.SeeAlso, pageName(c.Parent()))
	} else {
		p.Options = append(p.Options, manpage.Group{Title: "Options of every command", Items: options(c.PersistentFlags())})
		p.Sections = append(p.Sections, manpage.Group{Title: "Exit status", Items: exitCodes}, manpage.Group{Title: "Environment", Items: environment})
	}
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{}}
	}
	for _, g := range groups {
		list := manpage.Group{Title: strings.TrimSuffix(g.Title, ":")}
		for _, sub := range c.Commands() {
			if sub.GroupID == g.ID && hasPage(sub) {
				list.Items = append(list.Items, manpage.Item{Term: sub.Name(), Text: sub.Short})
				p.SeeAlso = append(p.SeeAlso, pageName(sub))
			}
		}
		if len(list.Items) > 0 {
			p.Commands = append(p.Commands, list)
		}
	}
	return p
}

// synopsis is how a command is called.
func synopsis(c *cobra.Command) string {
	if c.HasAvailableSubCommands() {
		return c.CommandPath() + " COMMAND [ARGUMENT...] [OPTION...]"
	}
	return strings.TrimSuffix(c.UseLine(), " [flags]") + " [OPTION...]"
}

// options are flags with what they take and what they are without being given.
func options(flags *pflag.FlagSet) (list []manpage.Item) {
	flags.VisitAll(func(x *pflag.Flag) {
		if x.Hidden || x.Name == "help" {
			return
		}
		value, text := pflag.UnquoteUsage(x)
		term := "--" + x.Name
		if x.Shorthand != "" {
			term = fmt.Sprintf("-%s, %s", x.Shorthand, term)
		}
		if kind := map[string]string{"string": "WORD", "strings": "WORDS", "int": "NUMBER", "duration": "TIME"}[value]; kind != "" {
			value = kind // which pflag says where the usage names nothing better
		}
		if value != "" {
			term += " " + strings.ToUpper(value)
		}
		if d := strings.Trim(x.DefValue, "[]"); d != "" && d != "false" && d != "0" && d != "0s" {
			text += " (default: " + d + ")"
		}
		list = append(list, manpage.Item{Term: term, Text: text})
	})
	return list
}

var exitCodes = []manpage.Item{
	{Term: strconv.Itoa(ui.ExitDone), Text: "All that was asked for is done."},
	{Term: strconv.Itoa(ui.ExitFailed), Text: "It was tried and failed."},
	{Term: strconv.Itoa(ui.ExitUsage), Text: "The call was wrong; nothing was tried."},
	{Term: strconv.Itoa(ui.ExitVerdict), Text: "A test ran to its end, and the medium failed it."},
	{Term: strconv.Itoa(ui.ExitInterrupted), Text: "It was interrupted."},
}

var environment = []manpage.Item{
	{Term: "NHOS_STORE", Text: "The folder that keeps what was made and fetched, as --store."},
	{Term: "NHOS_MIRROR", Text: "Where packages come from, as --mirror."},
	{Term: "NO_COLOR", Text: "If it is set, nothing is coloured."},
}
