package spinesim

import (
	"encoding/xml"
	"strings"
	"time"
)

// assertion says whose session a ticket's is, by SAML 1.1.
func (s *Server) assertion(v visit) answer {
	ticket := v.URL.Query().Get("token")
	session, ok := s.sessions.use(ticket, v.now, nil)
	if other, broken := v.faults["other-person"]; broken {
		session.UID = other
	}
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	b.WriteString(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:1.0:protocol" ResponseID="null" InResponseTo="null" MajorVersion="1" MinorVersion="1"` +
		` IssueInstant="` + instant(v.now) + `" Recipient="192.0.2.51">` + "\n")
	if !ok {
		b.WriteString(` <samlp:Status><samlp:StatusCode Value="samlp:Requester"/><samlp:StatusMessage>` + statusInvalid +
			"</samlp:StatusMessage></samlp:Status>\n</samlp:Response>\n")
		return answer{"text/xml", b.String()}
	}
	b.WriteString(` <samlp:Status><samlp:StatusCode Value="samlp:Success"/></samlp:Status>` + "\n")
	b.WriteString(` <saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" MajorVersion="1" MinorVersion="1" AssertionID="a` +
		instant(v.now) + `" Issuer="` + escape(v.base()) + `" IssueInstant="` + instant(v.now) + `">` + "\n")
	b.WriteString(`  <saml:Conditions NotBefore="` + instant(v.now.Add(-3*time.Minute)) + `" NotOnOrAfter="` + instant(v.now.Add(time.Minute)) + `"/>` + "\n")
	b.WriteString("  <saml:AttributeStatement>\n" + subject(session, ticket))
	for _, a := range attributes(session) {
		b.WriteString(`   <saml:Attribute AttributeName="` + a.name + `" AttributeNamespace="http://www.syntegra.com">`)
		for _, value := range a.values {
			b.WriteString("<saml:AttributeValue>" + escape(value) + "</saml:AttributeValue>")
		}
		b.WriteString("</saml:Attribute>\n")
	}
	b.WriteString("  </saml:AttributeStatement>\n </saml:Assertion>\n</samlp:Response>\n")
	return answer{"text/xml", b.String()}
}

// subject names the person. As at the Spine, there is another assertion in it, with the ticket.
func subject(session Session, ticket string) string {
	return `   <saml:Subject><saml:NameIdentifier NameQualifier="o=nhs">uid=` + session.UID + `,ou=People,o=nhs</saml:NameIdentifier>` +
		`<saml:SubjectConfirmation><saml:ConfirmationMethod>urn:com:sun:identity</saml:ConfirmationMethod><saml:SubjectConfirmationData>` +
		`<saml:Assertion Issuer="inner"><saml:AuthenticationStatement AuthenticationMethod="urn:com:sun:identity:ExtendedLoginModule">` +
		`<saml:Subject><saml:NameIdentifier>` + escape(ticket) + `</saml:NameIdentifier></saml:Subject></saml:AuthenticationStatement></saml:Assertion>` +
		`</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>` + "\n"
}

type samlAttribute struct {
	name   string
	values []string
}

// attributes are those of the person, and behind them those of each role.
func attributes(s Session) []samlAttribute {
	mode := "0"
	if s.Training {
		mode = "1"
	}
	all := []samlAttribute{
		{"ssbAssertionVersion", []string{"1.1"}},
		{"cn", []string{s.Name}},
		{"uid", []string{s.UID}},
		{"ssbSessionRoleUid", []string{s.Role}},
		{"ssbMode", []string{mode}},
	}
	for _, r := range s.roles {
		all = append(all,
			samlAttribute{"nhsIdCode", []string{r.Organisation}},
			samlAttribute{"o", []string{r.organisation}},
			samlAttribute{"nhsJobRole", []string{r.job()}},
			samlAttribute{"nhsJobRoleCode", []string{r.Code}},
			samlAttribute{"uniqueIdentifier", []string{r.ID}},
		)
		if len(r.Workgroups) > 0 {
			all = append(all, samlAttribute{"nhsWorkGroups", r.Workgroups})
		}
		if len(r.Activities) > 0 {
			all = append(all, samlAttribute{"nhsBusinessFunctionsCodes", r.Activities})
		}
	}
	return all
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// escape is text for XML.
func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}
