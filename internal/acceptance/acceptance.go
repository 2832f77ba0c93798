// Package acceptance holds the tests that make images for real and boot them, with the program as a user runs it.
//
// They take minutes, so they have build tags: "make test" runs those tagged boot, "make acceptance" all of them.
package acceptance
