package definition

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrowserSettings: lists add, and what goes by the same name or id replaces in its place.
func TestBrowserSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/minimal")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "images/desktop.yaml"), `description: A
base: debian
product: A
settings:
  browser:
    bookmarks: [{name: Rota, url: "https://a/"}, {name: Help, url: "https://b/?x=<"}]
`)
	if _, err := Load(dir, "desktop"); err == nil || !strings.Contains(err.Error(), "is not an address") {
		t.Errorf("an address with a sign that has a meaning in a page: %v", err)
	}
	write(t, filepath.Join(dir, "images/desktop.yaml"), `description: A
base: debian
product: A
settings:
  browser:
    bookmarks: [{name: "Rota & <all>", url: "https://a/"}, {name: Help, url: "https://b/"}]
    extensions: [a@b.example]
  web_apps: [{id: mail, name: Mail on the web, url: "https://m/"}, {id: chat, name: Chat, url: "https://c/"}]
  kiosk: {allow: [example.org], idle: 0s}
`)
	write(t, filepath.Join(dir, "respins/trust/respin.yaml"), `description: A
image: desktop
settings:
  browser:
    home_page: https://h/
    bookmarks: [{name: Help, url: "https://own/"}, {name: More, url: "https://d/"}]
    extensions: [abcdefghijklmnopabcdefghijklmnop, a@b.example]
  web_apps: [{id: mail, name: Post, url: "https://own/"}]
  kiosk: {url: "https://k/", allow: ["https://k/*"]}
`)
	img, err := Load(dir, "trust")
	if err != nil {
		t.Fatal(printed(err))
	}
	s := img.Settings
	differ(t, "bookmarks", `[{"name":"Rota \u0026 \u003call\u003e","url":"https://a/"},{"name":"Help","url":"https://own/"},{"name":"More","url":"https://d/"}]`,
		s.Browser.BookmarksJSON())
	var got []string
	for _, a := range s.WebApps {
		got = append(got, a.Line()+" "+a.At.File)
	}
	differ(t, "web apps", []string{"mail https://own/ Post respins/trust/respin.yaml", "chat https://c/ Chat images/desktop.yaml"}, got)
	differ(t, "the rest", []string{
		"https://h/ respins/trust/respin.yaml:5:16", "a@b.example respins/trust/respin.yaml:7:52",
		"abcdefghijklmnopabcdefghijklmnop respins/trust/respin.yaml:7:18",
		"https://k/ respins/trust/respin.yaml:9:16", "example.org images/desktop.yaml:9:19",
		"https://k/* respins/trust/respin.yaml:9:38", "0s images/desktop.yaml:9:39",
	}, places(s.Browser.HomePage, s.Browser.Extensions, s.Kiosk.URL, s.Kiosk.Allow, s.Kiosk.Idle))
}
