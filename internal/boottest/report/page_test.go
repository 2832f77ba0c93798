package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/report"
)

// A node is an element of the page.
type node struct {
	name     string
	attr     map[string]string
	text     string // of it and all below
	children []*node
}

// pageOf writes the report of runs and parses its page, which is well-formed XML as well as HTML.
func pageOf(t *testing.T, runs ...report.Run) (*node, string) {
	t.Helper()
	dir := t.TempDir()
	if err := report.Write(dir, runs); err != nil {
		t.Fatal(err)
	}
	source := read(t, filepath.Join(dir, report.PageName))
	root := &node{name: "root"}
	open := []*node{root}
	for d := xml.NewDecoder(bytes.NewReader(source)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			at.children, open = append(at.children, n), append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
			open[len(open)-1].text += at.text
		case xml.CharData:
			at.text += string(token)
		}
	}
	return root, string(source)
}

// all returns the elements of that name, and of that class where one is given, in their order.
func (n *node) all(name string, class ...string) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name == name && (len(class) == 0 || slices.Contains(strings.Fields(c.attr["class"]), class[0])) {
			found = append(found, c)
		}
		found = append(found, c.all(name, class...)...)
	}
	return found
}

func texts(nodes []*node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, strings.Join(strings.Fields(n.text), " "))
	}
	return out
}

func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got)\n%s", what, d)
	}
}

func TestPageOfSixBoots(t *testing.T) {
	page, _ := pageOf(t, six(t, t.TempDir())...)
	same(t, "title", []string{"4 of 6 boots passed: Boot test of Example Desktop 2"}, texts(page.all("title")))
	same(t, "verdict", []string{"4 of 6 boots passed"}, texts(page.all("p", "verdict")))
	same(t, "medium", []string{
		"Product Example Desktop 2", "Image desktop", "Respin hscni", "Medium example-desktop-2-amd64.iso",
		"Size 1.26 GB (1,264,517,120 bytes)", "SHA-256 " + digest, "Tested 14 March 2026, 09:26 UTC",
	}, facts(page.all("header")[0]))
	same(t, "boots", []string{
		"Boot Verdict Checks passed Time",
		"BIOS, as a CD Passed 5 of 5 3 min 05 s", "BIOS, as a USB stick Passed 5 of 5 3 min 05 s",
		"UEFI, as a CD Passed 5 of 5 3 min 05 s", "UEFI, as a USB stick Failed 4 of 5 3 min 05 s",
		"Secure Boot, as a CD Failed 0 of 5 3 min 05 s", "Secure Boot, as a USB stick Passed 5 of 5 3 min 05 s",
	}, rows(page.all("table", "boots")[0]))
	for _, link := range page.all("table", "boots")[0].all("a") {
		if i := slices.IndexFunc(page.all("section"), func(s *node) bool { return "#"+s.attr["id"] == link.attr["href"] }); i < 0 {
			t.Errorf("%s leads nowhere", link.attr["href"])
		}
	}
}

func facts(of *node) []string {
	var out []string
	for _, div := range of.all("div") {
		if len(div.all("dt")) == 1 {
			out = append(out, strings.Join(texts(append(div.all("dt"), div.all("dd")...)), " "))
		}
	}
	return out
}

func rows(table *node) []string {
	var out []string
	for _, row := range table.all("tr") {
		out = append(out, strings.Join(texts(row.children), " "))
	}
	return out
}

func TestPageOfAFailedBoot(t *testing.T) {
	page, _ := pageOf(t, failing(t, t.TempDir(), "uefi", "usb"))
	run := page.all("section")[0]
	same(t, "headings", []string{
		"UEFI, as a USB stick Failed", "Why it failed", "To know", "Pictures", "Boot timeline", "Checks", "The machine", "Logs",
	}, texts(append(run.all("h2"), run.all("h3")...)))
	same(t, "reasons", []string{"check printing/cups failed: the print service runs (inactive …)"}, texts(run.all("div", "reasons")[0].all("li")))
	same(t, "groups", []string{"base 2 of 2 passed", "printing 1 of 2 passed", "cinnamon 1 of 1 passed"}, texts(run.all("tr", "group")))
	same(t, "claims", []string{
		"no unit has failed", "the system names the product", "the print service runs",
		"a test page reaches the queue of a driverless printer", "the desktop session runs",
	}, texts(run.all("p", "claim")))
	for _, row := range run.all("table", "checks")[0].all("tr") {
		for _, d := range row.all("details") {
			_, open := d.attr["open"]
			if failed := row.attr["class"] == "failed"; open != failed {
				t.Errorf("%s: open %t", d.all("summary")[0].text, open)
			}
		}
	}
	failed := run.all("tr", "failed")
	if len(failed) != 1 || !strings.Contains(failed[0].text, "status=1/FAILURE") || !strings.Contains(failed[0].text, "30 tries") {
		t.Errorf("the failed check: %q", texts(failed))
	}
	same(t, "pictures", []string{
		"The screen at 2 min 43 s: the end", "The screen at 4.2 s: boot menu",
		"The screen at 12.0 s: before the kernel starts", "The screen at 1 min 38 s: after 1m38s",
	}, alts(run))
	same(t, "times", []string{
		"0.0 s power on", "4.2 s boot menu shown", "9.8 s kernel starts", "31.0 s initrd starts", "96.4 s multi-user.target reached",
		"131.2 s graphical.target reached", "133.0 s guest answers", "161.0 s checks done", "0 s30 s60 s90 s120 s150 s180 s",
	}, texts(run.all("ol", "timeline")[0].all("li")))
	step := run.all("rect")[4].attr
	if step["x"] != "17.22%" || step["width"] != "36.33%" { // 31.0 s and 65.4 s of 180 s
		t.Errorf("the bar of multi-user.target is at %s, %s wide", step["x"], step["width"])
	}
	logs := run.all("details", "log")
	same(t, "logs", []string{"Serial port, all of serial.log", "Journal, the last 120 lines of journal.log"}, texts([]*node{logs[0].all("summary")[0], logs[1].all("summary")[0]}))
	if text := logs[1].all("pre")[0].text; !strings.HasSuffix(text, "line 300 of the journal") || strings.Contains(text, "line 180 of") {
		t.Errorf("the journal's end is %q", text)
	}
}

func alts(run *node) []string {
	var out []string
	for _, img := range run.all("img") {
		out = append(out, img.attr["alt"])
	}
	return out
}

func TestPageOfASilentGuest(t *testing.T) {
	page, _ := pageOf(t, silent(t, t.TempDir(), "bios", "cd"))
	run := page.all("section")[0]
	same(t, "verdict", []string{"The boot failed"}, texts(page.all("p", "verdict")))
	if got := facts(run); !slices.Contains(got, "Guest it never answered") {
		t.Errorf("facts: %q", got)
	}
	if n := len(run.all("tr", "notrun")); n != 5 {
		t.Errorf("%d checks were not run, want 5", n)
	}
	if len(run.all("img")) > 0 || !strings.Contains(run.text, "There is no picture of this boot.") {
		t.Error("a picture is shown where there is none")
	}
}

// A check of the medium that the result doesn't mention is shown as not run.
func TestPageForgetsNoCheck(t *testing.T) {
	run := passing(t, t.TempDir(), "bios", "cd")
	run.Result.Checks = run.Result.Checks[:4]
	page, _ := pageOf(t, run)
	same(t, "not run", []string{"Not runthe system names the product base/product"}, texts(page.all("tr", "notrun")))
}

func TestPageOfAForeignMedium(t *testing.T) {
	dir := t.TempDir()
	page, _ := pageOf(t, foreign(t, dir))
	same(t, "heading", []string{"Boot test of debian-live-13.0.0-amd64-standard.iso"}, texts(page.all("h1")))
	if got := facts(page.all("header")[0]); !strings.HasPrefix(got[0], "Product unknown") {
		t.Errorf("facts: %q", got)
	}
	page, _ = pageOf(t, foreign(t, dir), passing(t, dir, "bios", "cd"))
	same(t, "heading", []string{"Boot tests of several media"}, texts(page.all("h1")))
	same(t, "boots", []string{
		"Boot Verdict Checks passed Time",
		"UEFI, as a CD debian-live-13.0.0-amd64-standard.iso Passed 1 of 1 3 min 05 s",
		"BIOS, as a CD example-desktop-2-amd64.iso Passed 5 of 5 3 min 05 s",
	}, rows(page.all("table", "boots")[0]))
}

func TestPageEscapesWhatAGuestSays(t *testing.T) {
	const evil = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"x\x1b[2J\u202e"
	run := failing(t, t.TempDir(), "bios", "cd")
	r := &run.Result
	r.Manifest.Product, r.Manifest.Image, r.Manifest.Respin, r.Name, r.Medium, r.SHA256 = evil, evil, evil, evil, evil, evil
	r.Guest.OS, r.Guest.Kernel, r.Guest.Hostname, r.Guest.Firmware, r.As, r.Firmware, r.QEMU = evil, evil, evil, evil, evil, evil, evil
	r.Accelerator.Name, r.Accelerator.Why, r.Reasons, r.Notes = evil, evil, []string{evil}, []string{evil}
	r.Timeline[2].What, r.Pictures[1].Caption, r.Pictures[3].Caption = evil, evil, evil
	c := &r.Checks[1]
	c.ID, c.Claim, c.Feature, c.Output, c.Unit = evil, evil, evil, evil, evil
	r.Checks[0].Run = evil
	write(t, filepath.Join(run.Dir, "serial.log"), evil)
	page, source := pageOf(t, run)
	for _, name := range []string{"script", "iframe", "object", "link", "base", "form"} {
		if found := page.all(name); len(found) > 0 {
			t.Errorf("the page has an element %s: %q", name, found[0].text)
		}
	}
	var walk func(*node)
	walk = func(n *node) {
		for name := range n.attr {
			if strings.HasPrefix(name, "on") || name == "style" {
				t.Errorf("%s has an attribute %s", n.name, name)
			}
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(page)
	if strings.ContainsAny(source, "\x1b\u202e") || !strings.Contains(source, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("what the guest said isn't shown as text")
	}
}

// The page asks for nothing: every source is within it, and its policy forbids the rest.
func TestPageIsSelfContained(t *testing.T) {
	page, source := pageOf(t, six(t, t.TempDir())...)
	for _, img := range page.all("img") {
		if !strings.HasPrefix(img.attr["src"], "data:image/png;base64,") {
			t.Errorf("a picture is at %.40s", img.attr["src"])
		}
	}
	for _, a := range page.all("a") {
		if !strings.HasPrefix(a.attr["href"], "#") {
			t.Errorf("a link leads to %s", a.attr["href"])
		}
	}
	source = regexp.MustCompile(`data:image/png;base64,[^"]*`).ReplaceAllString(source, "")
	if found := regexp.MustCompile(`(?i)(https?:|//[a-z]|url\(|@import)`).FindString(source); found != "" {
		t.Errorf("the page has %q in it", found)
	}
	policy := page.all("meta")[1].attr
	if policy["http-equiv"] != "Content-Security-Policy" ||
		!regexp.MustCompile(`^default-src 'none'; img-src data:; style-src 'sha256-[A-Za-z0-9+/]{43}='; `).MatchString(policy["content"]) {
		t.Errorf("the policy is %q", policy)
	}
}

// Files are read from within the run's folder alone, and only pictures are pictures.
func TestPageKeepsToTheRun(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret.log"), "a secret of the machine")
	run := passing(t, dir, "bios", "cd")
	run.Result.SerialLog, run.Result.Journal = "../secret.log", "link.log"
	if err := os.Symlink("../secret.log", filepath.Join(run.Dir, "link.log")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(run.Dir, "02.png"), "<svg/>")
	run.Result.Pictures[2].File = "../bios-cd/03.png"
	page, source := pageOf(t, run)
	if strings.Contains(source, "a secret") {
		t.Error("the page shows a file from outside the run")
	}
	same(t, "pictures", []string{"The screen at 2 min 43 s: the end", "The screen at 4.2 s: boot menu"}, alts(page))
	if !strings.Contains(page.text, "can’t be read: 02.png, ../bios-cd/03.png.") {
		t.Error("the page doesn't say which pictures are missing")
	}
}

// Text stands out from its paper as WCAG 2.2 AA asks (4.5:1), in the light and in the dark, and no colour is near the
// blue of the NHS.
func TestColours(t *testing.T) {
	source, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(source), ":root {")[1:]
	if len(blocks) != 3 {
		t.Fatalf("%d palettes, want light, dark and print", len(blocks))
	}
	for i, block := range blocks {
		colours := map[string][3]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(strings.SplitN(block, "}", 2)[0], -1) {
			colours[m[1]] = rgb(t, m[2])
		}
		for _, pair := range [][2]string{
			{"ink", "paper"},
			{"ink", "raised"},
			{"ink", "failed-paper"},
			{"quiet", "paper"},
			{"quiet", "failed-paper"},
			{"passed", "paper"},
			{"passed", "passed-paper"},
			{"failed", "paper"},
			{"failed", "failed-paper"},
			{"accent", "paper"},
		} {
			if ratio := contrast(colours[pair[0]], colours[pair[1]]); ratio < 4.5 {
				t.Errorf("palette %d: %s on %s is %.1f:1", i, pair[0], pair[1], ratio)
			}
		}
		for name, c := range colours {
			if c[2] > c[0]+0.15 && c[2] > c[1] {
				t.Errorf("palette %d: %s is blue", i, name)
			}
		}
	}
}

func rgb(t *testing.T, hex string) (c [3]float64) {
	t.Helper()
	for i := range c {
		v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c[i] = float64(v) / 255
	}
	return c
}

// contrast is WCAG's ratio of two colours (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
func contrast(a, b [3]float64) float64 {
	light := func(c [3]float64) float64 {
		for i, v := range c {
			if v <= 0.04045 {
				c[i] = v / 12.92
			} else {
				c[i] = math.Pow((v+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
	}
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}
