package pinentry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"nhos.org/nhos/internal/identity/session"
)

const (
	// maxRoles is how many roles a window shows: more don't fit on a small screen.
	maxRoles = 12
	// maxRole is how long a role may be, in letters.
	maxRole = 60
)

// whichRole has the number of a role typed: a pinentry has no lists. Most pinentries hide what is typed until they are told
// to show it, so the role that was meant is confirmed before it is taken.
func whichRole(c *conn, q session.Question) (session.Reply, error) {
	list, shown := numbered(q)
	wrong := ""
	for range maxRounds {
		n, err := askNumber(c, list, wrong)
		if err != nil {
			return session.Reply{}, declined(err)
		}
		if n < 1 || n > shown {
			wrong = fmt.Sprintf("Type a number from 1 to %d", shown) // and not what was typed: it may be a passcode
			continue
		}
		err = confirm(c, "Take this role?\n\n"+plain(q.Options[n-1]), "Take it", "Another one")
		var refused *refusal
		switch {
		case err == nil:
			return session.Reply{Choice: n - 1}, nil
		case errors.As(err, &refused) && refused.code == errNotConfirmed:
			wrong = ""
		default:
			return session.Reply{}, declined(err)
		}
	}
	return session.Reply{}, session.ErrCancelled
}

// askNumber gives the number that was typed; 0 where it is none.
func askNumber(c *conn, list, wrong string) (int, error) {
	err := errors.Join(c.command("SETDESC ", list), c.command("SETPROMPT ", "Number:"), c.command("SETOK ", "OK"))
	if err == nil && wrong != "" {
		err = c.command("SETERROR ", wrong)
	}
	if err != nil {
		return 0, err
	}
	value, err := c.data("GETPIN")
	defer clear(value)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(value)))
	if err != nil {
		return 0, nil //nolint:nilerr // something else was typed, and is asked for again
	}
	return n, nil
}

// numbered lists the first roles of a question, as many as a window and a line of Assuan hold, and says how many it shows.
func numbered(q session.Question) (list string, shown int) {
	const more = "\n\nand %d more: \"nhos-identity roles\" lists them all, \"nhos-identity role ID\" takes one"
	rest := func() string {
		if shown == len(q.Options) {
			return ""
		}
		return fmt.Sprintf(more, len(q.Options)-shown)
	}
	list = q.Text + "\n"
	for shown < min(len(q.Options), maxRoles) {
		longer := fmt.Sprintf("%s\n%d  %s", list, shown+1, cut(plain(q.Options[shown])))
		shown++
		if len(escape(longer+rest())) >= maxArgument {
			shown--
			break
		}
		list = longer
	}
	return list + rest(), shown
}

// plain keeps a role on its line.
func plain(role string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, role)
}

// cut shortens a role in its middle: at its end is the organisation's code.
func cut(role string) string {
	letters := []rune(role)
	if len(letters) <= maxRole {
		return role
	}
	const end = maxRole / 3
	return string(letters[:maxRole-end-1]) + "…" + string(letters[len(letters)-end:])
}
