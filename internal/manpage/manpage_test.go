package manpage_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/manpage"
)

// TestSigns writes what the language of the pages could read as its own, and reads the page with mandoc.
func TestSigns(t *testing.T) {
	odd := `.dots 'quotes' "more" \back -dash ^hat ~tilde` + " `ticks`"
	p := manpage.Page{
		Name: "odd-page", Date: time.Unix(0, 0), Short: "Show odd signs", Synopsis: "odd page FILE [OPTION...]",
		Description: odd + "\n\n.second\n'third", Examples: "  " + odd + "\n  .line",
		Options: []manpage.Group{{Title: "Options", Items: []manpage.Item{{Term: "-o, --odd FILE", Text: odd}}}},
		SeeAlso: []string{"odd"},
	}
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	// groff makes typographic ones of some signs, which can't be copied from an example.
	if want := `\&.dots \(aqquotes\(aq \(dqmore\(dq \eback \-dash \(hahat \(titilde \(gaticks\(ga`; !strings.Contains(b.String(), "\n"+want+"\n") {
		t.Errorf("no line %s in\n%s", want, b.String())
	}
	for _, format := range []string{"lint", "ascii"} {
		c := exec.Command("mandoc", "-T", format)
		c.Stdin = strings.NewReader(b.String())
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, b.String())
		}
		if format == "lint" && len(out) > 0 {
			t.Errorf("%s\n%s", out, b.String())
		}
		if format == "ascii" {
			var page strings.Builder
			for i := 0; i < len(out); i++ { // a sign and a backspace is how bold and italics are printed
				if i+1 < len(out) && out[i+1] == '\b' {
					i++
					continue
				}
				page.WriteByte(out[i])
			}
			if n := strings.Count(strings.Join(strings.Fields(page.String()), " "), odd); n != 3 {
				t.Errorf("the signs are there %d times, not 3:\n%s", n, page.String())
			}
		}
	}
}
