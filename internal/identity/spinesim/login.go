package spinesim

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// activate gives a challenge.
func (s *Server) activate(v visit) answer {
	sent, err := parseRequest(v.body)
	if err != nil {
		return s.refuse(v, sent, "", err.Error())
	}
	challenge, signature := s.challenges.issue(v.now)
	return v.object(
		field{name: "gas_version", value: "5.2.7"},
		field{name: "signature", value: signature},
		field{name: "server_ip", value: "192.0.2.10"},
		field{name: "ssp_url"},
		field{name: "app_url", value: "NHST"},
		field{name: "log_session_id", value: escape(sent["log_session_id"])},
		field{name: "service", value: "ACTIVATION"},
		field{name: "error_url", value: v.base() + "/login/error"},
		field{name: "ticket"},
		field{name: "auth_method", value: "3"},
		field{name: "reply_url", value: v.base() + "/login/authvalidate"},
		field{name: "challenge", value: challenge},
		field{name: "latest_gac_version", value: "3.9.1"},
	)
}

// validate checks a signed challenge and begins a session.
func (s *Server) validate(v visit) answer {
	sent, err := parseRequest(v.body)
	if err != nil {
		return s.refuse(v, sent, "", err.Error())
	}
	uid := sent["uid"]
	if reason := v.faults["refuse"]; reason != "" {
		return s.refuse(v, sent, uid, reason)
	}
	content, ok := s.challenges.redeem(strings.Join(strings.Fields(sent["challenge"]), ""), sent["signature"], v.now)
	if !ok {
		return s.refuse(v, sent, uid, "the challenge isn't of this server, too old, or used already")
	}
	der, err := sent.signedObject()
	if err != nil {
		return s.refuse(v, sent, uid, err.Error())
	}
	if err := s.verifier.verify(der, content, uid, v.now); err != nil {
		return s.refuse(v, sent, uid, err.Error())
	}
	person, ok := s.options.People.find(uid)
	if !ok {
		return s.refuse(v, sent, uid, "nobody here has this uid")
	}
	session := Session{UID: uid, Name: person.Name, roles: s.grant(v, person)}
	ticket := s.sessions.start(session, v.now)
	s.options.Log.Info("signed in", "uid", uid, "roles", len(session.roles), "agent", v.UserAgent(), "analytics", v.Header.Get("Analytics") != "")
	return v.object(s.loginFields(v, sent, session, ticket)...)
}

func (s *Server) loginFields(v visit, sent request, session Session, ticket string) []field {
	fields := []field{
		{name: "log_session_id", value: escape(sent["log_session_id"])},
		{name: "error_url", value: v.base() + "/login/error"},
		{name: "server_ip", value: "192.0.2.10"},
		{name: "cn", value: session.Name},
	}
	for i, r := range session.roles {
		attributes := fmt.Sprintf(` id="%s" orgcode="%s"`, r.ID, r.Organisation)
		if v.has("no-orgcode") {
			attributes = fmt.Sprintf(` id="%s"`, r.ID)
		}
		fields = append(fields, field{
			name: "nhsjobrole" + strconv.Itoa(i), attributes: attributes,
			value: r.organisation + ", " + r.job(),
		})
	}
	host, _, err := net.SplitHostPort(v.Host)
	if err != nil {
		host = v.Host
	}
	return append(fields,
		field{name: "gas_version", value: "5.2.7"},
		field{name: "sso_ticket", value: ticket},
		field{name: "sso_domain", value: "." + host},
		field{name: "sso_session_url", value: v.base() + "/login/ssoupdate"},
		field{name: "sso_max_session_time", value: minutes(s.options.MaxSession)},
		field{name: "sso_keep_alive", value: "false"},
		field{name: "sso_session_time", value: minutes(s.options.SessionTime)},
		field{name: "sso_logout_url", value: v.base() + "/login/authlogout"},
		field{name: "auth_method", value: "3"},
		field{name: "app_url", value: "NHST"},
		field{name: "service", value: "AUTHENTICATION"},
	)
}

// grant gives the roles that a session has, and what their organisations are called in it.
func (s *Server) grant(v visit, person Person) []granted {
	var all []granted
	for _, r := range person.Roles {
		all = append(all, granted{r, s.options.People.Organisations[r.Organisation]})
	}
	if n, err := strconv.Atoi(v.faults["roles"]); err == nil {
		all = nil
		for i := range n {
			all = append(all, granted{Role{
				ID: fmt.Sprintf("5552%08d", i), Organisation: fmt.Sprintf("Z8%03d", i), Area: "Clinical", Group: "Clinical Provision",
				Name: "Clinical Practitioner Access Role", Code: "S8000:G8000:R8000",
			}, fmt.Sprintf("PRACTICE NO. %d", i+1)})
		}
	}
	for i := range all {
		if v.has("ampersand") {
			all[i].organisation += " & <SONS> &C AT&T;"
		}
		if v.has("comma") {
			all[i].organisation += `, "LOWER HOUSE", WEST`
		}
		if v.has("windows-1252") {
			all[i].organisation += " CAFÉ Ô’R CWM"
		}
	}
	return all
}

// job is a role as the Spine writes it.
func (r Role) job() string { return fmt.Sprintf(`"%s":"%s":"%s"`, r.Area, r.Group, r.Name) }

func minutes(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }

// refuse answers a login that isn't taken.
func (s *Server) refuse(v visit, sent request, uid, reason string) answer {
	s.options.Log.Warn("login refused", "uid", uid, "reason", reason, "agent", v.UserAgent())
	return v.object(
		field{name: "log_session_id", value: escape(sent["log_session_id"])},
		field{name: "error_url", value: v.base() + "/login/error"},
		field{name: "error_message", value: escape(reason)},
		field{name: "auth_method", value: "3"},
		field{name: "service", value: cmp.Or(escape(sent["service"]), "AUTHENTICATION")},
	)
}

// update is a use of a session.
func (s *Server) update(v visit) answer {
	sent, err := parseRequest(v.body)
	if err != nil {
		return status(statusInvalid)
	}
	if _, ok := s.sessions.use(sent["sso_ticket"], v.now, nil); !ok {
		return status(statusInvalid)
	}
	return status(statusOK)
}

// logout ends a session, by GET or POST.
func (s *Server) logout(v visit) answer {
	sent, err := parseRequest(v.body)
	if err != nil {
		return status("ERROR: " + err.Error())
	}
	session, ok := s.sessions.end(sent["sso_ticket"], v.now)
	if !ok {
		return status(statusInvalid)
	}
	s.options.Log.Info("signed out", "uid", session.UID)
	return status(statusOK)
}

// selectRole makes a role that of the session.
func (s *Server) selectRole(v visit) answer {
	query := v.URL.Query()
	role, allowed := query.Get("selectedRoleUid"), false
	session, ok := s.sessions.use(query.Get("token"), v.now, func(session *Session) {
		for _, r := range session.roles {
			allowed = allowed || r.ID == role
		}
		if allowed {
			session.Role, session.Training = role, query.Get("ssbMode") == "1"
		}
	})
	switch {
	case !ok:
		return status(statusInvalid)
	case !allowed:
		s.options.Log.Warn("role refused", "uid", session.UID)
		return status("ERROR: not a role of this person")
	}
	s.options.Log.Info("role selected", "uid", session.UID, "role", role)
	return status(statusOK)
}
