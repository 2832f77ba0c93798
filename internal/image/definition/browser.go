package definition

import (
	"encoding/json"
	"strings"
	"time"
)

// A Browser is what Firefox and Chromium are told alike, by their own policy files.
type Browser struct {
	HomePage Value[string] `json:"home_page" jsonschema:"format=url,default=file:///usr/share/nhos/start/index.html" jsonschema_description:"The page that browsers start with."`
	// Bookmarks are by name: a later one of the same name replaces the earlier.
	Bookmarks []Link `json:"bookmarks" jsonschema_description:"Bookmarks that users can't change. Each file adds to those before it; one of the same name replaces it."`
	// Extensions are allowed, not installed. The form of an id tells which browser it is for.
	Extensions      []Value[string] `json:"extensions" jsonschema:"format=extension" jsonschema_description:"Ids of the extensions that users may install. Each file adds to those before it."`
	ProtectionLists Value[bool]     `json:"protection_lists" jsonschema:"default=false" jsonschema_description:"Whether browsers fetch their makers' lists of dangerous pages, revoked certificates and bad extensions."`
}

// A Link is a page with its name.
type Link struct {
	At   Origin        `json:"-"`
	Name Value[string] `json:"name" jsonschema:"required,format=title" jsonschema_description:"What is shown of it."`
	URL  Value[string] `json:"url" jsonschema:"required,format=url" jsonschema_description:"The page's address."`
}

// A WebApp is a page that has a launcher and a window of its own.
type WebApp struct {
	At   Origin        `json:"-"`
	ID   Value[string] `json:"id" jsonschema:"required,format=name" jsonschema_description:"Its name in file names; a later one of the same id replaces it."`
	Name Value[string] `json:"name" jsonschema:"required,format=title" jsonschema_description:"Its name in menus."`
	URL  Value[string] `json:"url" jsonschema:"required,format=url" jsonschema_description:"The page's address."`
}

// A Kiosk is what a kiosk shows, and for how long.
type Kiosk struct {
	URL   Value[string]   `json:"url" jsonschema:"format=url,default=file:///usr/share/nhos/kiosk/index.html" jsonschema_description:"The page that a kiosk shows."`
	Allow []Value[string] `json:"allow" jsonschema:"format=url-pattern" jsonschema_description:"Addresses that a kiosk opens besides url. Each file adds to those before it."`
	// Idle is in whole seconds; 0 is never.
	Idle Value[time.Duration] `json:"idle" jsonschema:"format=seconds,default=2m" jsonschema_description:"How long nobody touches a kiosk until it starts afresh; 0s is never."`
}

// overlay lays what a later part says of browsers over what those before it say.
func (b *Browser) overlay(by Browser) {
	later(&b.HomePage, by.HomePage)
	later(&b.ProtectionLists, by.ProtectionLists)
	b.Bookmarks = replaceOrAdd(b.Bookmarks, by.Bookmarks, func(l Link) string { return l.Name.Value })
	b.Extensions = replaceOrAdd(b.Extensions, by.Extensions, func(v Value[string]) string { return v.Value })
}

func (k *Kiosk) overlay(by Kiosk) {
	later(&k.URL, by.URL)
	later(&k.Idle, by.Idle)
	k.Allow = replaceOrAdd(k.Allow, by.Allow, func(v Value[string]) string { return v.Value })
}

// replaceOrAdd adds entries to a list. One that goes by a name which the list has already takes that one's place.
func replaceOrAdd[T any](list, more []T, name func(T) string) []T {
	place := map[string]int{}
	for i, e := range list {
		place[name(e)] = i
	}
	for _, e := range more {
		if i, have := place[name(e)]; have {
			list[i] = e
			continue
		}
		place[name(e)] = len(list)
		list = append(list, e)
	}
	return list
}

// BookmarksJSON is the list as both browsers' policy ManagedBookmarks has it: [{"name": …, "url": …}].
// It holds no <, > and &, so that it can also stand in a page's script.
func (b Browser) BookmarksJSON() string {
	type entry struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	entries := make([]entry, len(b.Bookmarks))
	for i, l := range b.Bookmarks {
		entries[i] = entry{l.Name.Value, l.URL.Value}
	}
	text, err := json.Marshal(entries)
	if err != nil {
		panic(err) // structs of two strings: it can't fail
	}
	return string(text)
}

// Line is the app as scripts read it: id, address and name with spaces between them. Only the name holds spaces itself.
func (a WebApp) Line() string {
	return strings.Join([]string{a.ID.Value, a.URL.Value, a.Name.Value}, " ")
}
