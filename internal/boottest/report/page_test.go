package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
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
	return pageWith(t, t.TempDir(), nil, runs...)
}

func pageWith(t *testing.T, dir string, build *report.Build, runs ...report.Run) (*node, string) {
	t.Helper()
	if err := report.Write(dir, build, runs); err != nil {
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
	same(t, "title", []string{"2 of 6 boots failed: Boot test of Example Desktop 2"}, texts(page.all("title")))
	same(t, "verdict", []string{"2 of 6 boots failed"}, texts(page.all("div", "verdict")))
	same(t, "why", []string{
		"UEFI, as a USB stick: check printing/cups failed: the print service runs (inactive …)",
		"Secure Boot, as a CD: the kernel panicked: VFS: Unable to mount root fs on unknown-block(0,0) and 1 more",
	}, texts(page.all("header")[0].all("div", "reasons")[0].all("li")))
	same(t, "medium", []string{
		"Product Example Desktop 2", "Image desktop", "Respin hscni", "Medium example-desktop-2-amd64.iso",
		"Size 1.26 GB (1,264,517,120 bytes)", "SHA-256 " + digest, "Tested 14 March 2026, 09:26 UTC",
	}, facts(page.all("header")[0]))
	same(t, "boots", []string{
		" BIOS UEFI Secure Boot",
		"As a CD Passed 5 of 5 checks 3 min 05 s Passed 5 of 5 checks 3 min 05 s Failed 0 of 5 checks 3 min 05 s",
		"As a USB stick Passed 5 of 5 checks 3 min 05 s Failed 4 of 5 checks 3 min 05 s Passed 5 of 5 checks 3 min 05 s",
	}, rows(page.all("table", "boots")[0]))
	// Every link within the page leads to something, and a run's cell to that run.
	ids := map[string]string{}
	for _, name := range []string{"section", "header", "figure", "div", "h3"} {
		for _, n := range page.all(name) {
			ids["#"+n.attr["id"]] = n.name
		}
	}
	for _, a := range page.all("a") {
		if href := a.attr["href"]; strings.HasPrefix(href, "#") && ids[href] == "" {
			t.Errorf("%s leads nowhere", href)
		}
	}
	for i, a := range page.all("table", "boots")[0].all("a") {
		run := page.all("section", "run")[[]int{0, 2, 4, 1, 3, 5}[i]]
		if a.attr["href"] != "#"+run.attr["id"] || !strings.HasPrefix(run.all("h2")[0].text, a.attr["title"]) {
			t.Errorf("the cell %q leads to %q", a.attr["title"], run.all("h2")[0].text)
		}
	}
}

// Whatever else tells runs apart is a row; what wasn't booted is said.
func TestMatrixOfManyKinds(t *testing.T) {
	dir := t.TempDir()
	runs := []report.Run{
		passing(t, dir, "bios", "cd"), passing(t, dir, "bios", "usb"), passing(t, dir, "secureboot", "cd"),
		passing(t, dir, "secureboot", "usb"),
	}
	runs[1].Result.Entry, runs[2].Result.Memory, runs[3].Result.Scenario = "ram", 1024, "print a page"
	page, _ := pageOf(t, runs...)
	const passed = "Passed 5 of 5 checks 3 min 05 s"
	same(t, "boots", []string{
		" BIOS Secure Boot",
		"As a CD, 4096 MiB " + passed + " not booted",
		"As a CD, 1024 MiB not booted " + passed,
		"As a USB stick, menu entry ram, 4096 MiB " + passed + " not booted",
		"As a USB stick, scenario print a page, 4096 MiB not booted " + passed,
	}, rows(page.all("table", "boots")[0]))
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

// A check that is waived has a state of its own, told by a word, a mark and a colour, with who bears it and until when.
func TestPageOfAWaivedCheck(t *testing.T) {
	dir := t.TempDir()
	page, _ := pageOf(t, waived(t, dir, "bios", "cd"))
	same(t, "verdict", []string{"The boot passed, 1 check waived BIOS, as a CD: 4 of 5 checks passed, 1 waived, in 3 min 05 s"}, texts(page.all("div", "verdict")))
	if len(page.all("div", "passed")) != 1 || len(page.all("div", "reasons")) > 0 {
		t.Error("the page is red")
	}
	by := []string{
		"CFG-1, NET-1: The ward prints <b>elsewhere</b> (Head of IT, until 2027-11-30)", "PRN-1: Soon mended (Print room, until 2026-12-31)",
	}
	box := page.all("div", "waivers")
	if len(box) != 1 || box[0].all("a")[0].attr["href"] != "#boot-1" {
		t.Fatalf("%d lists of what is waived", len(box))
	}
	same(t, "who bears it", append([]string{"printing/cups: the print service runs " + strings.Join(by, " ")}, by...), texts(box[0].all("li")))
	var groups []string
	for _, g := range page.all("details", "group") {
		_, open := g.attr["open"]
		groups = append(groups, fmt.Sprintf("%s, open %t", texts(g.all("summary"))[0], open))
	}
	same(t, "groups", []string{"printing 1 of 2 passed, 1 waived, open true", "base 2 of 2 passed, open false", "cinnamon 1 of 1 passed, open false"}, groups)
	of := page.all("li", "waived")
	if len(of) != 1 || len(page.all("li", "failed")) > 0 {
		t.Fatalf("%d checks are waived", len(of))
	}
	same(t, "state", []string{"Waived"}, texts(of[0].all("span", "state")))
	same(t, "its waivers", by, texts(of[0].all("div", "waiver")[0].all("li")))
	if _, open := of[0].all("details")[0].attr["open"]; !open || !strings.Contains(of[0].text, "status=1/FAILURE") {
		t.Error("what the waived check wrote is folded or missing")
	}
	mark := func(class string) string { return page.all("span", class)[0].all("path")[0].attr["d"] }
	if mark("waived") == mark("passed") || !strings.HasPrefix(mark("waived"), "M8 3") {
		t.Error("its mark is that of another state")
	}

	// The same check in several boots is one.
	page, _ = pageOf(t, waived(t, dir, "bios", "cd"), waived(t, dir, "uefi", "cd"), passing(t, dir, "uefi", "usb"))
	same(t, "title", []string{"All 3 boots passed, 1 check waived: Boot test of Example Desktop 2"}, texts(page.all("title")))
	same(t, "boots", []string{
		" BIOS UEFI",
		"As a CD Passed 4 of 5 checks, 1 waived 3 min 05 s Passed 4 of 5 checks, 1 waived 3 min 05 s",
		"As a USB stick not booted Passed 5 of 5 checks 3 min 05 s",
	}, rows(page.all("table", "boots")[0]))
	page, _ = pageOf(t, waived(t, dir, "bios", "cd"), failing(t, dir, "uefi", "cd"))
	same(t, "verdict", []string{"1 of 2 boots failed, 1 check waived"}, texts(page.all("div", "verdict")))

	// Once the first waiver has run out, it is a failed check like others, and says so.
	page, _ = pageOf(t, lapsed(t, dir, "bios", "cd"))
	same(t, "verdict", []string{"The boot failed"}, texts(page.all("div", "verdict")))
	of = page.all("li", "failed")
	if len(of) != 1 || len(page.all("li", "waived"))+len(page.all("div", "waivers")) > 0 {
		t.Fatal("it is still waived")
	}
	same(t, "the waivers of before", []string{"The respin’s waivers held until 2026-12-31: " + strings.Join(by, " ")}, texts(of[0].all("div", "waiver")))
}

func TestPageOfAFailedBoot(t *testing.T) {
	page, _ := pageOf(t, failing(t, t.TempDir(), "uefi", "usb"))
	run := page.all("section", "run")[0]
	same(t, "headings", []string{
		"UEFI, as a USB stick Failed", "Why it failed", "To know", "Film strip", "Checks", "The machine",
	}, texts(append(run.all("h2"), run.all("h3")...)))
	same(t, "reasons", []string{"check printing/cups failed: the print service runs (inactive …)"}, texts(run.all("div", "reasons")[0].all("li")))
	groups := run.all("details", "group")
	var summaries []string
	for _, g := range groups {
		summaries = append(summaries, texts(g.all("summary"))[0])
		if _, open := g.attr["open"]; open != (g == groups[0]) {
			t.Errorf("%s: open %t", summaries, open)
		}
	}
	same(t, "groups", []string{"printing 1 of 2 passed", "base 2 of 2 passed", "cinnamon 1 of 1 passed"}, summaries)
	same(t, "claims", []string{
		"the print service runs", "a test page reaches the queue of a driverless printer", "no unit has failed",
		"the system names the product", "the desktop session runs",
	}, texts(run.all("span", "claim")))
	failed := groups[0].all("li", "failed")
	if len(failed) != 1 || !strings.Contains(failed[0].text, "status=1/FAILURE") || !strings.Contains(failed[0].text, "30 tries") {
		t.Fatalf("the failed check: %q", texts(failed))
	}
	if _, open := failed[0].all("details")[0].attr["open"]; !open {
		t.Error("what the failed check wrote is folded")
	}
	same(t, "pictures", []string{
		"The screen at 4.2 s: boot menu", "The screen at 12.0 s: the kernel starts",
		"The screen at 1 min 38 s: services start", "The screen at 2 min 43 s: the end",
	}, alts(run))
	same(t, "neighbours", []string{"1 of 4 Next Close", "Previous 2 of 4 Next Close", "Previous 3 of 4 Next Close", "Previous 4 of 4 Close"}, texts(run.all("nav")))
	same(t, "events", []string{
		"0.0 s power on", "4.2 s boot menu shown", "9.8 s kernel starts", "31.0 s initrd starts", "60.0 s systemd",
		"96.4 s multi-user.target", "131.2 s graphical.target", "133.0 s guest answers", "150.0 s desktop drawn", "161.0 s checks done",
	}, texts(run.all("details", "events")[0].all("li")))
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
	run := page.all("section", "run")[0]
	same(t, "verdict", []string{"The boot failed"}, texts(page.all("div", "verdict")))
	if got := facts(run); !slices.Contains(got, "Guest it never answered") {
		t.Errorf("facts: %q", got)
	}
	if n := len(run.all("li", "notrun")); n != 5 {
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
	same(t, "not run", []string{"Not run the system names the product base/product"}, texts(page.all("li", "notrun")))
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
		" UEFI BIOS",
		"As a CD debian-live-13.0.0-amd64-standard.iso 9f2c4e1ab07d Passed 1 of 1 checks 3 min 05 s not booted",
		"As a CD example-desktop-2-amd64.iso 9f2c4e1ab07d not booted Passed 5 of 5 checks 3 min 05 s",
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

// The page asks for nothing: every source is within it, its policy forbids the rest, and its links lead to places in
// it or to files beside it.
func TestPageIsSelfContained(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	page, source := pageWith(t, dir, build, runs...)
	for _, img := range page.all("img") {
		if !strings.HasPrefix(img.attr["src"], "data:image/png;base64,") {
			t.Errorf("a picture is at %.40s", img.attr["src"])
		}
	}
	for _, a := range page.all("a") {
		if href := a.attr["href"]; !strings.HasPrefix(href, "#") {
			read(t, filepath.Join(dir, href))
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
	page, source := pageWith(t, dir, nil, run)
	if strings.Contains(source, "a secret") {
		t.Error("the page shows a file from outside the run")
	}
	for _, a := range page.all("a") {
		if !strings.HasPrefix(a.attr["href"], "#") && a.attr["href"] != report.JUnitName {
			t.Errorf("the page leads to %s", a.attr["href"])
		}
	}
	same(t, "pictures", []string{"The screen at 4.2 s: boot menu", "The screen at 2 min 43 s: the end"}, alts(page.all("section", "run")[0]))
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
			{"waived", "paper"},
			{"waived", "waived-paper"},
			{"ink", "waived-paper"},
			{"quiet", "waived-paper"},
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
