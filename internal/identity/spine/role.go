package spine

import "strings"

// parseRole reads a role as the Spine writes it:
//
//	EXAMPLE & PARTNERS (LEEDS, WEST), "Clinical":"Clinical Provision":"Health Professional Access Role"
//
// The name of an organisation may have commas and quotes, so the line is read from its right. A line of another form is
// the organisation's name as a whole: a person still sees what the server wrote.
func parseRole(id, orgCode, line string) Role {
	role := Role{ID: id, OrgCode: orgCode}
	line = plain(line)
	role.Organisation = line
	for _, comma := range []string{`, "`, `,"`} {
		i := strings.LastIndex(line, comma)
		if i < 0 {
			continue
		}
		area, group, name, ok := jobRole(line[i+len(comma)-1:])
		if ok {
			role.Organisation = strings.TrimSpace(line[:i])
			role.Area, role.Group, role.Name = area, group, name
			return role
		}
	}
	return role
}

// jobRole reads "area":"group":"name", each in its quotes.
func jobRole(text string) (area, group, name string, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", "", "", false
	}
	parts := strings.Split(text[1:len(text)-1], `":"`)
	if len(parts) != 3 {
		return "", "", "", false
	}
	return strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2]), true
}
