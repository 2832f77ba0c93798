package definition

// ErrorAt is an *[Error] about a value of the image that only a later step could find wrong: a package that no archive
// has, a setting that needs a package. It shows the line that the value came from.
func (i *Image) ErrorAt(at Origin, message string) error {
	e := &Error{Origin: at, Message: message}
	if lines := i.sources[at.File]; at.Line > 0 && at.Line <= len(lines) {
		e.line = lines[at.Line-1]
	}
	return e
}
