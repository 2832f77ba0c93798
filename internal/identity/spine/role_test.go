package spine

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestRoles(t *testing.T) {
	for line, want := range map[string]Role{
		`EXAMPLE & PARTNERS (J BLOGGS), "Clinical":"Clinical Provision":"Health Professional Access Role"`: {Organisation: "EXAMPLE & PARTNERS (J BLOGGS)", Area: "Clinical", Group: "Clinical Provision", Name: "Health Professional Access Role"},
		`A, B, "C", D, "E & F":"G, H":"I ""J"""`:                                                           {Organisation: `A, B, "C", D`, Area: "E & F", Group: "G, H", Name: `I ""J""`},
		`A,"B":"C":"D"`:                                                                                    {Organisation: "A", Area: "B", Group: "C", Name: "D"},
		`"B":"C":"D"`:                                                                                      {Organisation: `"B":"C":"D"`},
		`, "B":"C":"D"`:                                                                                    {Area: "B", Group: "C", Name: "D"},
		`A, "B":"C"`:                                                                                       {Organisation: `A, "B":"C"`},
		`A, "B":"C":"D":"E"`:                                                                               {Organisation: `A, "B":"C":"D":"E"`},
		`A, "":"":""`:                                                                                      {Organisation: "A"},
		`A`:                                                                                                {Organisation: "A"},
		``:                                                                                                 {},
		"A\r\n B, \"C\":\"D\":\"E\"":                                                                       {Organisation: "A   B", Area: "C", Group: "D", Name: "E"},
	} {
		want.ID, want.OrgCode = "1", "X"
		if got := parseRole("1", "X", line); got != want {
			t.Errorf("%q is %+v, not %+v", line, got, want)
		}
	}
}

// TestRolesOfAnyName has names of organisations that the first agents broke on.
func TestRolesOfAnyName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := strings.TrimSpace(rapid.StringMatching(`[A-Z ,"&:()']{0,30}`).Draw(t, "organisation"))
		part := rapid.StringMatching(`[A-Z][A-Za-z &-]{0,10}[a-z]`)
		want := Role{Organisation: name, Area: part.Draw(t, "area"), Group: part.Draw(t, "group"), Name: part.Draw(t, "name")}
		line := name + `, "` + want.Area + `":"` + want.Group + `":"` + want.Name + `"`
		if got := parseRole("", "", line); got != want {
			t.Errorf("%q is %+v", line, got)
		}
	})
}

func FuzzRole(f *testing.F) {
	f.Add(`EXAMPLE, LTD & "CO", "Clinical":"Clinical Provision":"Nurse"`)
	f.Add(`, "":"":"`)
	f.Fuzz(func(t *testing.T, line string) {
		r := parseRole("1", "", line)
		for _, text := range []string{r.Organisation, r.Area, r.Group, r.Name} {
			if strings.ContainsAny(text, "\n\x00\x1b") || utf8.ValidString(line) && !utf8.ValidString(text) || len(text) > 3*len(line) {
				t.Errorf("%q of %q", text, line)
			}
		}
	})
}
