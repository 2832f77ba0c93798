package spine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const response = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:1.0:protocol" ResponseID="null">
 <samlp:Status><samlp:StatusCode Value="samlp:Success"/></samlp:Status>
 <saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" Issuer="http://iam.example.test:8080">
  <saml:Conditions NotBefore="2026-01-05T08:57:00Z" NotOnOrAfter="2026-01-05T09:01:00Z"/>
  <saml:AttributeStatement>
   <saml:Subject><saml:NameIdentifier NameQualifier="o=nhs">uid=555000000101,ou=People,o=nhs</saml:NameIdentifier>
    <saml:SubjectConfirmation><saml:SubjectConfirmationData><saml:Assertion><saml:AttributeStatement>
     <saml:Attribute AttributeName="uid"><saml:AttributeValue>999999999999</saml:AttributeValue></saml:Attribute>
    </saml:AttributeStatement></saml:Assertion></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>
   ATTRIBUTES
  </saml:AttributeStatement>
 </saml:Assertion>
</samlp:Response>`

// with makes a response with attributes: name=value, which may stand several times.
func with(pairs ...string) []byte {
	var b strings.Builder
	for _, p := range pairs {
		name, values, _ := strings.Cut(p, "=")
		b.WriteString(`<saml:Attribute AttributeName="` + name + `">`)
		for _, v := range strings.Split(values, "|") {
			b.WriteString("<saml:AttributeValue>" + v + "</saml:AttributeValue>")
		}
		b.WriteString("</saml:Attribute>\n")
	}
	return []byte(strings.Replace(response, "ATTRIBUTES", b.String(), 1))
}

func TestAssertion(t *testing.T) {
	body := with("ssbAssertionVersion=1.1", "cn=Bloggs & Sons", "uid=555000000101", "ssbSessionRoleUid=2", "ssbMode=1", "nhsOcsPrCode=C1",
		`nhsIdCode=A1`, `o=EXAMPLE, "A" & B`, `nhsJobRole="Clinical":"Provision":"Nurse"`, "nhsJobRoleCode=S1:G2:R3", "uniqueIdentifier=1",
		"NHSIDCODE=A2", "nhsBusinessFunctionsCodes=B1|B2", "uniqueIdentifier=2", "nhsJobRole=odd", "nhsAreaOfWork=W", "nhsWorkGroups=G")
	got, fail := parseAssertion(body)
	if fail != nil {
		t.Fatal(fail)
	}
	want := &Assertion{
		UID: "555000000101", Name: "Bloggs & Sons", OCSCode: "C1", SessionRole: "2", Training: true, Issuer: "http://iam.example.test:8080",
		NotBefore: instant("2026-01-05T08:57:00Z"), NotOnOrAfter: instant("2026-01-05T09:01:00Z"),
		Roles: []AssertedRole{
			{Role: Role{ID: "1", OrgCode: "A1", Organisation: `EXAMPLE, "A" & B`, Area: "Clinical", Group: "Provision", Name: "Nurse"}, Code: "S1:G2:R3"},
			{Role: Role{ID: "2", OrgCode: "A2", Name: "odd"}, AreasOfWork: []string{"W"}, Workgroups: []string{"G"}, FunctionCodes: []string{"B1", "B2"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if role, ok := got.Selected(); !ok || role.ID != "2" {
		t.Errorf("the session's role is %+v, %v", role, ok)
	}
}

func TestAssertionsThatAreNone(t *testing.T) {
	good := string(with("uid=555000000101"))
	inner := good[strings.Index(good, "<saml:Assertion"):strings.LastIndex(good, "</samlp:Response>")]
	for name, c := range map[string]struct {
		text, says string
		kind       error
	}{
		"expired":          {strings.Replace(good, "samlp:Success", "samlp:Requester", 1), "", ErrExpired},
		"a fault of its":   {strings.Replace(good, "samlp:Success", "samlp:Responder", 1), "Responder", ErrRefused},
		"no success":       {strings.Replace(good, "samlp:Success", "samlp:NoSuccess", 1), "NoSuccess", ErrRefused},
		"no status":        {strings.Replace(good, `Value="samlp:Success"`, "", 1), "StatusCode", ErrSyntax},
		"two assertions":   {strings.Replace(good, "</samlp:Response>", inner+"</samlp:Response>", 1), "more than one", ErrSyntax},
		"status in answer": {`<x><Response><Status><StatusCode Value="Success"/></Status></Response></x>`, "no SAML", ErrSyntax},
		"no assertion":     {`<Response><Status><StatusCode Value="Success"/></Status></Response>`, "it has no uid", ErrSyntax},
		"nothing":          {"", "no SAML", ErrSyntax},
		"HTML":             {"<html><title>Sign in</title>", "HTML page", ErrSyntax},
		"no XML":           {"<a\x00", "XML", ErrSyntax},
		"depth":            {strings.Repeat("<a>", 100), "deep", ErrSyntax},
	} {
		a, fail := parseAssertion([]byte(c.text))
		if a != nil || fail == nil || fail.Kind != c.kind || !strings.Contains(fail.Error(), c.says) {
			t.Errorf("%s: %+v, %v", name, a, fail)
		}
	}
	if a, fail := parseAssertion([]byte(response)); fail != nil || a.UID != "555000000101" {
		t.Errorf("by the subject's name: %+v, %v", a, fail)
	}
}

// TestNoEntities has the usual attacks by a document type: they are neither expanded nor fetched.
func TestNoEntities(t *testing.T) {
	dtd := `<!DOCTYPE x [<!ENTITY a "bomb"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>`
	a, fail := parseAssertion([]byte(dtd + string(with("uid=555000000101", "cn=&b;&f;"))))
	if fail != nil || a.Name != "&b;&f;" {
		t.Errorf("%+v, %v", a, fail)
	}
}

func FuzzAssertion(f *testing.F) {
	f.Add(with("uid=1", "nhsIdCode=A", "uniqueIdentifier=1", "ssbSessionRoleUid=1"))
	f.Add([]byte(`<Response><Status><StatusCode Value="x:Requester"/><StatusMessage>no</StatusMessage></Status></Response>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, fail := parseAssertion(utf8Text(body))
		if (a == nil) == (fail == nil) {
			t.Fatalf("%+v and %v", a, fail)
		}
		if a != nil {
			if _, ok := a.Selected(); ok && a.SessionRole == "" {
				t.Error("a role that nobody selected")
			}
		}
	})
}
