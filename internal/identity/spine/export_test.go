package spine

// Header is the value of the Analytics header, for tests.
func (a Analytics) Header(agent, logID string) string { return a.header(agent, logID) }
