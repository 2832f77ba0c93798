package report

import "html/template"

// What other pages of the project are made with, so that all look and behave alike.

// A Link leads to a file beside a page.
type Link = link

// Look is the style sheet of the report.
func Look() string { return look }

// Policy is the attributes of a meta element that forbids a page everything but this style and pictures within it.
func Policy(style string) template.HTMLAttr { return policy(style) }

// Readable is what a person would see of s on a paper: without control characters and turns of the direction.
func Readable(s string) string { return readable(s) }

// Links lead to what the build left, from a page in the folder dir.
func (b *Build) Links(dir string) []Link { return linker{dir}.build(b) }

// Way says how the medium was booted: "UEFI, as a USB stick".
func (r Run) Way() string { return way(r.Result) }
