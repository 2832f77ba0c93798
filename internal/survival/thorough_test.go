//go:build acceptance

package survival

// thorough says that there is time.
const thorough = true
