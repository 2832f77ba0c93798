// Package manpage writes manual pages in the man(7) language, which man-db and mandoc both read.
//
// A page is a plain value: what a command says of itself in its help, in the sections that man-pages(7) names. The same
// value gives the same bytes; the date is the caller's.
package manpage

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// A Page is one command's.
type Page struct {
	Name        string // "nhos-set"
	Date        time.Time
	Short       string // what the command does, in a few words, after the name
	Synopsis    string // "nhos set IMAGE KEY VALUE... [flags]"; words in capitals are to be replaced
	Description string // paragraphs with a blank line between them
	Commands    []Group
	Options     []Group // of the command alone, and those of all commands
	Examples    string  // lines as they are typed
	Sections    []Group // what else there is to say
	SeeAlso     []string
}

// A Group is a titled list.
type Group struct {
	Title string
	Items []Item
}

// An Item is a term and what it means.
type Item struct{ Term, Text string }

// Write writes the page.
func (p Page) Write(w io.Writer) error {
	var b strings.Builder
	date := ""
	if !p.Date.IsZero() {
		date = p.Date.UTC().Format(time.DateOnly)
	}
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"NHoS\" \"NHoS manual\"\n", typed(strings.ToUpper(p.Name)), date)
	b.WriteString(".SH NAME\n" + filled(typed(p.Name)+` \- `+lowered(p.Short)))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", synopsis(p.Synopsis))
	b.WriteString(".SH DESCRIPTION\n")
	for i, paragraph := range strings.Split(strings.TrimSpace(p.Description), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(prose(paragraph))
	}
	if len(p.Commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, g := range p.Commands {
			if g.Title != "" {
				fmt.Fprintf(&b, ".SS %s\n", strings.TrimSpace(prose(g.Title)))
			}
			items(&b, g.Items)
		}
	}
	for _, g := range append(p.Options, p.Sections...) {
		if len(g.Items) > 0 {
			fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(g.Title))
			items(&b, g.Items)
		}
	}
	if p.Examples != "" {
		b.WriteString(".SH EXAMPLES\n.EX\n")
		for line := range strings.Lines(p.Examples) {
			b.WriteString(typed(strings.TrimPrefix(strings.TrimRight(line, "\n"), "  ")) + "\n")
		}
		b.WriteString(".EE\n")
	}
	if len(p.SeeAlso) > 0 {
		b.WriteString(".SH SEE ALSO\n")
		for i, name := range p.SeeAlso {
			comma := ","
			if i == len(p.SeeAlso)-1 {
				comma = ""
			}
			fmt.Fprintf(&b, ".BR %s (1)%s\n", typed(name), comma)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func items(b *strings.Builder, list []Item) {
	for _, it := range list {
		fmt.Fprintf(b, ".TP\n%s\n%s", marked(it.Term), prose(it.Text))
	}
}

// prose is text to be filled.
func prose(s string) string { return filled(escaped(s)) }

// filled breaks lines as the readers of a page's source expect.
func filled(s string) string {
	var b strings.Builder
	line := ""
	end := func() {
		if line != "" && (line[0] == '.' || line[0] == '\'') {
			line = `\&` + line
		}
		b.WriteString(line + "\n")
	}
	for word := range strings.FieldsSeq(s) {
		if line != "" && len(line)+1+len(word) > 76 {
			end()
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	end()
	return b.String()
}

// escaped keeps what the language would read as its own; typed also keeps signs as they are on a keyboard.
func escaped(s string) string { return strings.ReplaceAll(s, `\`, `\e`) }

var keyboard = strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

func typed(s string) string {
	s = keyboard.Replace(escaped(s))
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// placeholders are words to be replaced: in capitals, or after an option.
var placeholders = regexp.MustCompile(`\b[A-Z]{2,}\b`)

// synopsis has the command in bold and placeholders in italics.
func synopsis(s string) string {
	words := strings.Fields(s)
	bold := 0
	for bold < len(words) && strings.ToLower(words[bold]) == words[bold] && !strings.HasPrefix(words[bold], "[") {
		bold++
	}
	rest := placeholders.ReplaceAllString(typed(strings.Join(words[bold:], " ")), `\fI$0\fR`)
	return strings.TrimSpace(fmt.Sprintf(`\fB%s\fR %s`, typed(strings.Join(words[:bold], " ")), rest))
}

// marked is a term: options in bold, what comes after them in italics.
func marked(term string) string {
	var out []string
	for part := range strings.SplitSeq(term, ", ") {
		option, value, ok := strings.Cut(part, " ")
		s := `\fB` + typed(option) + `\fR`
		if ok {
			s += ` \fI` + typed(value) + `\fR`
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// lowered begins with a small letter, as the one line of a page does.
func lowered(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return escaped(s)
}
