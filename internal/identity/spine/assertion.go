package spine

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Assertion is what the Spine says of a session and its person. It isn't signed: it is as good as the connection that
// it came by.
type Assertion struct {
	UID     string `json:"uid"` // 12 digits
	Name    string `json:"name"`
	OCSCode string `json:"ocsCode,omitempty"` // of the person's profession; most have none

	SessionRole string         `json:"sessionRole"` // Role.ID of the one that was selected; empty before that
	Training    bool           `json:"training"`    // ssbMode 1
	Roles       []AssertedRole `json:"roles"`

	Issuer       string    `json:"issuer"`
	NotBefore    time.Time `json:"notBefore"` // zero where it isn't said, as NotOnOrAfter
	NotOnOrAfter time.Time `json:"notOnOrAfter"`
}

// Selected is the session's role; ok is false where none was selected, or one that isn't among the person's.
func (a *Assertion) Selected() (role AssertedRole, ok bool) {
	i := slices.IndexFunc(a.Roles, func(r AssertedRole) bool { return r.ID == a.SessionRole })
	if i < 0 || a.SessionRole == "" {
		return AssertedRole{}, false
	}
	return a.Roles[i], true
}

// AssertedRole is a role with what it allows.
type AssertedRole struct {
	Role
	Code              string   `json:"code"` // "S8000:G8000:R8003"
	AreasOfWork       []string `json:"areasOfWork,omitempty"`
	Workgroups        []string `json:"workgroups,omitempty"`
	WorkgroupCodes    []string `json:"workgroupCodes,omitempty"`
	BusinessFunctions []string `json:"businessFunctions,omitempty"`
	FunctionCodes     []string `json:"functionCodes,omitempty"` // "B0085", …
}

const (
	maxDepth      = 64   // elements in each other; an assertion has about ten
	maxAttributes = 5000 // a person with 200 roles has about 2000
)

// A samlAttribute is one attribute of the assertion, its name in lower case.
type samlAttribute struct {
	name   string
	values []string
}

// A samlReader gathers from the elements of a Response what counts. It looks at the Response's one Assertion alone:
// within its Subject there is another one, with the token.
type samlReader struct {
	path       []string // local names of the open elements
	status     string   // StatusCode without its prefix
	message    string
	assertions int
	attributes []samlAttribute
	subject    string // of NameIdentifier
	assertion  Assertion
}

// parseAssertion reads a SAML 1.1 Response. body is UTF-8.
func parseAssertion(body []byte) (*Assertion, *Error) {
	r := &samlReader{}
	if err := r.read(body); err != nil {
		if title, isHTML := htmlTitle(body); isHTML {
			err = fmt.Errorf("it is an HTML page (%q), no assertion", said(title))
		}
		return nil, &Error{Kind: ErrSyntax, Cause: err}
	}
	switch {
	case r.status == "":
		return nil, &Error{Kind: ErrSyntax, Missing: []string{"StatusCode"}}
	case r.status == "Requester":
		return nil, &Error{Kind: ErrExpired, Detail: said(r.message)}
	case r.status != "Success":
		return nil, &Error{Kind: ErrRefused, Detail: said(r.status + " " + r.message)}
	case r.assertions > 1:
		return nil, &Error{Kind: ErrSyntax, Detail: "it has more than one assertion"}
	}
	return r.result()
}

// read goes through the elements. It is lenient where XML isn't well-formed, knows no entities but XML's own, and
// passes a DOCTYPE over.
func (r *samlReader) read(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(_ string, text io.Reader) (io.Reader, error) { return text, nil } // it is UTF-8 by now
	var text strings.Builder
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.New("it isn't XML")
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(r.path) == maxDepth {
				return fmt.Errorf("its elements are more than %d deep", maxDepth)
			}
			r.path = append(r.path, t.Name.Local)
			text.Reset()
			if err := r.open(t); err != nil {
				return err
			}
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			r.close(plain(text.String()))
			text.Reset()
			if len(r.path) > 0 {
				r.path = r.path[:len(r.path)-1]
			}
		}
	}
	if r.status == "" && r.assertions == 0 {
		return errors.New("it is no SAML response")
	}
	return nil
}

// in says whether the open elements are these, from the Response on.
func (r *samlReader) in(path ...string) bool { return slices.Equal(r.path, path) }

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if strings.EqualFold(a.Name.Local, name) {
			return plain(a.Value)
		}
	}
	return ""
}

func (r *samlReader) open(e xml.StartElement) error {
	switch {
	case r.in("Response", "Status", "StatusCode"):
		value := attribute(e, "Value")
		r.status = value[strings.LastIndexByte(value, ':')+1:]
	case r.in("Response", "Assertion"):
		r.assertions++
		r.assertion.Issuer = attribute(e, "Issuer")
	case r.in("Response", "Assertion", "Conditions"):
		r.assertion.NotBefore = instant(attribute(e, "NotBefore"))
		r.assertion.NotOnOrAfter = instant(attribute(e, "NotOnOrAfter"))
	case r.in("Response", "Assertion", "AttributeStatement", "Attribute"):
		if len(r.attributes) == maxAttributes {
			return fmt.Errorf("it has more than %d attributes", maxAttributes)
		}
		r.attributes = append(r.attributes, samlAttribute{name: strings.ToLower(attribute(e, "AttributeName"))})
	}
	return nil
}

func (r *samlReader) close(text string) {
	switch {
	case r.in("Response", "Status", "StatusMessage"):
		r.message = text
	case r.in("Response", "Assertion", "AttributeStatement", "Subject", "NameIdentifier"):
		r.subject = text
	case r.in("Response", "Assertion", "AttributeStatement", "Attribute", "AttributeValue"):
		last := &r.attributes[len(r.attributes)-1]
		last.values = append(last.values, text)
	}
}

// instant reads a time; zero for what is none.
func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// result makes the person and the roles of the flat attributes: a role begins with each nhsIdCode. No attribute is both
// a person's and a role's.
func (r *samlReader) result() (*Assertion, *Error) {
	a := r.assertion
	var role *AssertedRole
	for _, attribute := range r.attributes {
		if attribute.name == "nhsidcode" {
			a.Roles = append(a.Roles, AssertedRole{})
			role = &a.Roles[len(a.Roles)-1]
		}
		a.take(attribute)
		if role != nil {
			role.take(attribute)
		}
	}
	if a.UID == "" {
		for _, part := range strings.Split(r.subject, ",") {
			if uid, ok := strings.CutPrefix(strings.TrimSpace(part), "uid="); ok {
				a.UID = uid
			}
		}
	}
	if a.UID == "" {
		return nil, &Error{Kind: ErrSyntax, Missing: []string{"uid"}}
	}
	return &a, nil
}

func (s samlAttribute) first() string { return strings.Join(s.values[:min(1, len(s.values))], "") }

// take keeps an attribute of the person, the first of each name.
func (a *Assertion) take(s samlAttribute) {
	switch s.name {
	case "uid":
		a.UID = cmp.Or(a.UID, s.first())
	case "cn":
		a.Name = cmp.Or(a.Name, s.first())
	case "nhsocsprcode":
		a.OCSCode = cmp.Or(a.OCSCode, s.first())
	case "ssbsessionroleuid":
		a.SessionRole = cmp.Or(a.SessionRole, s.first())
	case "ssbmode":
		a.Training = a.Training || s.first() == "1"
	}
}

// take keeps an attribute of a role.
func (r *AssertedRole) take(s samlAttribute) {
	switch s.name {
	case "nhsidcode":
		r.OrgCode = s.first()
	case "o":
		r.Organisation = s.first()
	case "uniqueidentifier":
		r.ID = s.first()
	case "nhsjobrole":
		var ok bool
		if r.Area, r.Group, r.Name, ok = jobRole(s.first()); !ok {
			r.Name = s.first()
		}
	case "nhsjobrolecode":
		r.Code = s.first()
	case "nhsareaofwork":
		r.AreasOfWork = append(r.AreasOfWork, s.values...)
	case "nhsworkgroups":
		r.Workgroups = append(r.Workgroups, s.values...)
	case "nhsworkgroupscodes":
		r.WorkgroupCodes = append(r.WorkgroupCodes, s.values...)
	case "nhsbusinessfunctions":
		r.BusinessFunctions = append(r.BusinessFunctions, s.values...)
	case "nhsbusinessfunctionscodes":
		r.FunctionCodes = append(r.FunctionCodes, s.values...)
	}
}
