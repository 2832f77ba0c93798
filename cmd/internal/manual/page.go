package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nhos.org/nhos/internal/manpage"
)

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// HasPage leaves out what nobody calls, and what cobra brings: the help is these pages.
func HasPage(c *cobra.Command) bool {
	return c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion"
}

// page is what a command says of itself.
func (b Book) page(c *cobra.Command) manpage.Page {
	p := manpage.Page{
		Name: pageName(c), Short: c.Short, Synopsis: synopsis(c), Description: c.Long, Examples: c.Example,
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
		p.Sections = b.Sections
	}
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{}}
	}
	for _, g := range groups {
		list := manpage.Group{Title: strings.TrimSuffix(g.Title, ":")}
		for _, sub := range c.Commands() {
			if sub.GroupID == g.ID && HasPage(sub) {
				list.Items = append(list.Items, manpage.Item{Term: sub.Name(), Text: sub.Short})
				p.SeeAlso = append(p.SeeAlso, pageName(sub))
			}
		}
		if len(list.Items) > 0 {
			p.Commands = append(p.Commands, list)
		}
	}
	if !c.HasParent() {
		p.SeeAlso = append(p.SeeAlso, b.SeeAlso...)
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
		if d := strings.Trim(x.DefValue, "[]"); d != "" && d != "false" && d != "0" && d != "0s" && d != "-1" {
			text += " (default: " + d + ")"
		}
		list = append(list, manpage.Item{Term: term, Text: text})
	})
	return list
}
