package definition

import "nhos.org/nhos/internal/yamlfile"

// ErrorAt is an *[Error] about a value of the image that only a later step could find wrong: a package that no archive
// has, a setting that needs a package. It shows the line that the value came from.
func (i *Image) ErrorAt(at Origin, message string) error {
	return yamlfile.NewError(i.sources, at, message)
}
