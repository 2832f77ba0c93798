//go:build boot && !acceptance

package survival

// thorough says that there is time.
const thorough = false
