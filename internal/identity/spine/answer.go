package spine

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"nhos.org/nhos/internal/identity/secret"
)

// lacks names those of the fields that the answer hasn't.
func lacks(fields object, names ...string) []string {
	var missing []string
	for _, name := range names {
		if len(fields.get(name)) == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}

// complaint is what an answer says about an error. The form of the Spine's errors isn't public, so every field of such
// a name but its address counts.
func complaint(fields object) string {
	var all []string
	for _, p := range fields {
		name := strings.ToLower(p.name)
		if (strings.Contains(name, "error") || strings.Contains(name, "message")) && !strings.HasSuffix(name, "url") && len(p.value) > 0 {
			all = append(all, string(p.value))
		}
	}
	return said(strings.Join(all, ", "))
}

// maxTicket is many times the ticket of the Spine, which has 62 characters.
const maxTicket = 4096

// readLogin reads the answer to a validation.
func readLogin(fields object, base *url.URL) (*Login, *Error) {
	ticket := fields.get("sso_ticket")
	login := &Login{
		Name:           fields.text("cn"),
		Roles:          readRoles(fields),
		SessionTime:    minutes(fields.text("sso_session_time")),
		MaxSessionTime: minutes(fields.text("sso_max_session_time")),
		LogoutURL:      sameServer(base, fields.text("sso_logout_url")),
		SessionURL:     sameServer(base, fields.text("sso_session_url")),
	}
	switch {
	case len(ticket) == 0 && login.Name == "" && len(login.Roles) == 0:
		return nil, &Error{Kind: ErrRefused, Missing: []string{"sso_ticket"}, Detail: complaint(fields)}
	case len(ticket) == 0:
		return nil, &Error{Kind: ErrSyntax, Missing: []string{"sso_ticket"}, Detail: complaint(fields)}
	case !isTicket(ticket):
		return nil, &Error{Kind: ErrSyntax, Cause: errors.New("its sso_ticket isn't one")}
	}
	login.Ticket = secret.New(append([]byte(nil), ticket...))
	return login, nil
}

// isTicket says whether text can be a ticket: printable ASCII without blanks.
func isTicket(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= maxTicket
}

// readRoles gives the roles in the server's order, whatever their numbers.
func readRoles(fields object) []Role {
	var roles []Role
	for _, p := range fields {
		digits, ok := strings.CutPrefix(p.name, "nhsjobrole")
		if _, err := strconv.ParseUint(digits, 10, 16); !ok || err != nil {
			continue
		}
		roles = append(roles, parseRole(p.attrs["id"], p.attrs["orgcode"], string(p.value)))
	}
	return roles
}

// minutes reads a time in minutes, as the Spine's session broker counts; 0 for what is none.
func minutes(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 20) // about two years
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Minute
}

var (
	statusForm  = regexp.MustCompile(`(?is)<status>(.*?)</status`)
	tag         = regexp.MustCompile(`<[^>]*>`)
	okWord      = regexp.MustCompile(`\bOK\b`)
	expiredWord = regexp.MustCompile(`(?i)\b(expired|timed out|(invalid|unknown|no) (session|token))\b`)
)

// readStatus reads the page that answers a selection or a logout: nil where it says OK. A page may have the word in
// another ("TOKEN"), so it counts as a word alone, and within the page's STATUS where there is one.
func readStatus(body []byte) *Error {
	text := string(body)
	if m := statusForm.FindStringSubmatch(text); m != nil {
		text = m[1]
	} else if title, isHTML := htmlTitle(body); isHTML {
		if text = strings.TrimSpace(tag.ReplaceAllString(text, "")); text != "OK" {
			return &Error{Kind: ErrSyntax, Detail: "it is an HTML page without a status: " + strconv.Quote(said(title))}
		}
	}
	switch {
	case expiredWord.MatchString(text):
		return &Error{Kind: ErrExpired}
	case okWord.MatchString(text):
		return nil
	case strings.TrimSpace(text) == "":
		return &Error{Kind: ErrSyntax, Missing: []string{"status"}}
	}
	return &Error{Kind: ErrRefused, Detail: said(text)}
}
