package spinesim

import (
	_ "embed" // people.yaml
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"

	"nhos.org/nhos/internal/yamlfile"
)

//go:embed people.yaml
var builtin []byte

// Directory is who may sign in, and where they work.
type Directory struct {
	Organisations map[string]string `yaml:"organisations"` // names by ODS code
	People        []Person          `yaml:"people"`
}

// Person is somebody with a card.
type Person struct {
	UID   string `yaml:"uid"` // 12 digits
	Name  string `yaml:"name"`
	Roles []Role `yaml:"roles"`
}

// Role is what a person is at an organisation.
type Role struct {
	ID           string   `yaml:"id"`           // 12 digits
	Organisation string   `yaml:"organisation"` // its ODS code
	Area         string   `yaml:"area"`
	Group        string   `yaml:"group"`
	Name         string   `yaml:"name"`
	Code         string   `yaml:"code"` // "S8000:G8000:R8003"
	Activities   []string `yaml:"activities"`
	Workgroups   []string `yaml:"workgroups"`
}

var directoryKeys = []string{"organisations", "people", "uid", "name", "roles", "id", "organisation", "area", "group", "code", "activities", "workgroups"}

// Invented is a directory of people and organisations that don't exist.
func Invented() *Directory {
	d, err := parseDirectory("people.yaml", builtin)
	if err != nil {
		panic(err) // it is a part of this program, and a test reads it
	}
	return d
}

// LoadDirectory reads a directory from a file and tells all that is wrong in it at once.
func LoadDirectory(file string) (*Directory, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening people: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, yamlfile.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading people: %w", err)
	}
	return parseDirectory(file, text)
}

func parseDirectory(file string, text []byte) (*Directory, error) {
	report := yamlfile.NewReport("docs/identity-spine.md")
	body := report.Parse(file, text)
	if body == nil {
		return nil, report.Err()
	}
	d := &Directory{}
	if report.Decode(file, body, d, directoryKeys) {
		d.check(report, file)
	}
	return d, report.Err()
}

var (
	twelveDigits = regexp.MustCompile(`^[0-9]{12}$`)
	odsCode      = regexp.MustCompile(`^[A-Z0-9]{1,12}$`)
)

// check adds to the report what is wrong with a directory.
func (d *Directory) check(report *yamlfile.Report, file string) {
	at := yamlfile.Origin{File: file}
	if len(d.People) == 0 {
		report.Add(at, report.Page+" has the keys", "it has no people")
	}
	for _, code := range slices.Sorted(maps.Keys(d.Organisations)) {
		if !odsCode.MatchString(code) || d.Organisations[code] == "" {
			report.Add(at, "", "organisation %s: a code is of A to Z and 0 to 9, and has a name", yamlfile.Quote(code))
		}
	}
	uids, roles := map[string]bool{}, map[string]bool{}
	for _, p := range d.People {
		if !twelveDigits.MatchString(p.UID) || uids[p.UID] {
			report.Add(at, "write it in quotes", "person %s: a uid is 12 digits, and nobody else's", yamlfile.Quote(p.UID))
		}
		uids[p.UID] = true
		for _, r := range p.Roles {
			if !twelveDigits.MatchString(r.ID) || roles[r.ID] {
				report.Add(at, "write it in quotes", "person %s: role %s: an id is 12 digits, and no other role's", p.UID, yamlfile.Quote(r.ID))
			}
			roles[r.ID] = true
			if _, ok := d.Organisations[r.Organisation]; !ok {
				report.Add(at, yamlfile.Suggest(r.Organisation, "organisations", slices.Collect(maps.Keys(d.Organisations))),
					"person %s: unknown organisation %s", p.UID, yamlfile.Quote(r.Organisation))
			}
		}
	}
}

// find is the person of a uid.
func (d *Directory) find(uid string) (Person, bool) {
	i := slices.IndexFunc(d.People, func(p Person) bool { return p.UID == uid })
	if i < 0 {
		return Person{}, false
	}
	return d.People[i], true
}

// has says whether a role is one of the person's.
func (p Person) has(roleID string) bool {
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return r.ID == roleID })
}
