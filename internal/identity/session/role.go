package session

import (
	"errors"
	"fmt"

	"nhos.org/nhos/internal/identity/spine"
)

// undecided says whether the session waits for its role.
func (m *machine) undecided() bool {
	s := m.live
	return s != nil && !s.locked && s.role == nil && s.choice == nil && len(s.login.Roles) > 0
}

// askRole asks the person for the role, where that is wanted and can be seen. The role may be chosen by the command line
// all the same: whichever comes first.
func (m *machine) askRole() {
	if !m.undecided() || !m.live.asks || m.attempt != nil || m.prompt != nil || m.screenLocked || m.asleep || m.ending {
		return
	}
	m.prompt = &prompt{id: m.operation(), role: true}
	m.do(openPrompt{m.prompt.id, roleQuestion(m.live.login)})
}

// roleQuestion asks for one of a login's roles. Roles that read the same are told apart by their ids.
func roleQuestion(l spine.Login) Question {
	q := Question{Kind: AskRole, Text: fmt.Sprintf("%s is signed in. Which role?", l.UID)}
	alike := map[string]int{}
	for _, r := range l.Roles {
		text := r.Organisation
		if r.Name != "" {
			text = r.Name + " at " + text
		}
		if r.OrgCode != "" {
			text += " (" + r.OrgCode + ")"
		}
		q.Options = append(q.Options, text)
		alike[text]++
	}
	for i, text := range q.Options {
		if alike[text] > 1 {
			q.Options[i] += " " + l.Roles[i].ID
		}
	}
	return q
}

// roleAnswered goes on with what came of the question for the role. Whoever declines still has to choose: nothing is
// chosen for anybody.
func (m *machine) roleAnswered(in promptDone) {
	s := m.live
	s.asks = false
	waits := func(a *ask) bool { return a.want == wantTicket }
	switch {
	case in.err != nil && !errors.Is(in.err, ErrCancelled):
		err := m.fail("asking for the role", in.err)
		m.complain(err)
		m.refuse(err, waits)
	case in.err != nil || in.reply.Choice < 0 || in.reply.Choice >= len(s.login.Roles):
		m.say("no role was chosen: %s", ErrCancelled)
		m.refuse(ErrCancelled, waits)
	default:
		_ = m.choose(0, s.login.Roles[in.reply.Choice].ID) // it is one of them
	}
}

// closeRolePrompt takes the question for the role off the screen.
func (m *machine) closeRolePrompt() {
	if m.prompt != nil && m.prompt.role {
		m.closePrompt()
	}
}

func (in choose) tell(m *machine) {
	var err error
	switch {
	case m.live == nil:
		err = ErrNotSignedIn
	case m.live.locked:
		err = ErrLocked
	case m.live.choice != nil || m.attempt != nil:
		err = ErrBusy
	default:
		err = m.choose(in.id, in.role)
	}
	if err != nil {
		m.do(answer{in.id, nil, err})
	}
}

// choose tells the server of a role, for the ask of this number, or where it is 0 for the attempt or the person who was
// asked.
func (m *machine) choose(ask uint64, id string) error {
	for _, r := range m.live.login.Roles {
		if r.ID == id {
			m.live.asks = false
			m.closeRolePrompt()
			op := m.operation()
			m.live.choice = &choice{op, ask, r}
			m.do(selectRole{op, lend(m.live.login), id})
			return nil
		}
	}
	return ErrNoSuchRole
}

func (in roleSelected) tell(m *machine) {
	if m.live == nil || m.live.choice == nil || m.live.choice.op != in.op {
		return
	}
	c := m.live.choice
	m.live.choice = nil
	var err error
	if in.err != nil {
		err = m.fail("choosing a role", in.err)
	} else {
		m.live.role, m.live.used, m.live.checked = &c.role, m.now, m.now
		m.say("role: %s at %s", c.role.Name, c.role.Organisation)
	}
	switch at := m.attempt; {
	case c.ask != 0:
		m.do(answer{c.ask, nil, err})
	case at != nil && at.step != selecting: // somebody signs in anew meanwhile
		if err != nil {
			m.say("%s", err)
		}
	default:
		m.attempt = nil
		if err != nil && !gone(err) {
			m.complain(err)
			m.refuse(err)
		}
	}
	if gone(err) {
		m.problem = ErrSessionEnded.Error()
		m.end(ErrSessionEnded.Error(), nil, false)
	}
}
