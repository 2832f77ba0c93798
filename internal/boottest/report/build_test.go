package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/inventory"
)

func section(t *testing.T, page *node, id string) *node {
	t.Helper()
	for _, s := range page.all("section") {
		if s.attr["id"] == id {
			return s
		}
	}
	t.Fatalf("the page has no section %s", id)
	return nil
}

func TestPageOfABuild(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	page, _ := pageWith(t, dir, build, runs...)

	changes := section(t, page, "changes")
	same(t, "facts", []string{
		"Before 0123456789ab example.iso", "Medium 1.25 GB → 1.26 GB (+14.5 MB)", "Packages 1 changed, 1 added, 1 removed",
		"Files 1 changed, 1 added, 1 removed",
	}, facts(changes))
	var differences []string
	for _, list := range changes.all("ul", "differences") {
		differences = append(differences, texts(list.all("li"))...)
	}
	same(t, "differences", []string{
		"BIOS, as a CD 2 min 15 s → 2 min 30 s +15.0 s",
		"− a-withdrawn-package 6.12.74-2 removed −111 MB",
		"± firefox-esr 140.1.0esr-1 → 140.4.0esr-1 +11.0 MB",
		"+ linux-image-amd64 6.12.74-2 added +111 MB",
		"feature firefox 299 MB → 309 MB +10.0 MB",
	}, differences)
	same(t, "files", []string{
		"± etc/papersize other content, −87 B · of no package", "+ usr/bin/firefox 200 MB · firefox-esr",
		"− usr/bin/withdrawn 200 MB · firefox-esr",
	}, texts(changes.all("details", "files")[0].all("li")))

	inside := section(t, page, "inside")
	same(t, "sizes", []string{
		"feature firefox 1 package 309 MB 72%", "base debian-13 1 package 111 MB 26%", "feature cinnamon 1 package 12.1 MB 3%",
		"respin hscni 0 packages 5.00 kB <1%", "image desktop 0 packages 2.00 kB <1%",
		"firefox-esr 140.4.0esr-1 · feature firefox 309 MB 72%", "linux-image-amd64 6.12.74-2 · base debian-13 111 MB 26%",
		"cinnamon 6.4.10-2 · feature cinnamon 12.0 MB 3%",
	}, texts(inside.all("li")))
	if bar := inside.all("rect", "part")[1].attr["width"]; bar != "35.92%" { // 111 of 309
		t.Errorf("the bar of the base is %s wide", bar)
	}
	same(t, "evidence", []string{
		"example.iso the medium, 10 B",
		"desktop.lock lock: every package by version and SHA-256, 11 B",
		"desktop.sbom.cdx.json SBOM (CycloneDX): every package and file, 2 B",
		"desktop.provenance.json provenance (in-toto): what it was made from and by, 2 B",
		fmt.Sprintf("desktop.inventory.json.gz inventory: every file with its size and digest, %d B", len(read(t, filepath.Join(dir, "desktop.inventory.json.gz")))),
		"SHA256SUMS SHA-256 of these files, 3 B",
		"SHA256SUMS.sig signature of the sums, 3 B",
		"build.json the build: plan and layers, " + fmt.Sprint(len(read(t, filepath.Join(dir, "build.json")))) + " B",
		"junit.xml the verdicts for a CI system (JUnit)",
	}, texts(section(t, page, "evidence").all("li")))
	var files []string
	for _, a := range page.all("section", "run")[0].all("ul", "links")[0].all("a") {
		files = append(files, a.attr["href"])
	}
	same(t, "evidence of a run", []string{"boots/bios-cd/serial.log", "boots/bios-cd/journal.log", "boots/bios-cd/result.json"}, files)
}

func TestPageOfAScript(t *testing.T) {
	page, _ := pageOf(t, scripted(t, t.TempDir()))
	steps := page.all("ol", "script")[0].all("li")
	same(t, "steps", []string{
		`1 min 38 s Passed wait for text "Log in" line 4, took 4.0 s`,
		"1 min 42 s Skipped plug in the smartcard reader line 5, took 0.0 s Not asked: a foreign guest can't be asked",
		`1 min 43 s Failed wait for text "Printed" line 7, took 1 min 00 s the last text that was read: no printer found ` +
			`1 min 43 s wait for text "Printed" Close`,
	}, texts(steps))
	rows := page.all("table", "destinations")[0].all("tr")
	same(t, "destination", []string{"telemetry.example.org", "10.0.2.3:53", "1 min 01 s", "2", "166 B", "not named"}, texts(rows[1].all("td")))
	same(t, "destination", []string{"", "255.255.255.255:67", "12.0 s", "2", "684 B", "dhcp"}, texts(rows[2].all("td")))
	if n := len(steps[2].all("img")); n != 1 {
		t.Errorf("the failed step has %d pictures", n)
	}
}

// What a build hasn't left is left out, and so is a build whose medium wasn't booted.
func TestPageWithoutABuild(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	sections := func(build *report.Build) (ids []string) {
		page, _ := pageWith(t, dir, build, runs[0])
		for _, s := range page.all("section") {
			ids = append(ids, s.attr["id"])
		}
		return ids
	}
	same(t, "all", []string{"boot-time", "changes", "inside", "evidence", "boot-1"}, sections(build))
	bare := *build
	bare.Inventory, bare.Previous, bare.Boots = "", nil, nil
	same(t, "bare", []string{"boot-time", "evidence", "boot-1"}, sections(&bare))
	other := *build
	other.SHA256 = "another"
	same(t, "another medium", []string{"boot-time", "evidence", "boot-1"}, sections(&other))
	again := *build
	again.Inventory, again.Previous, again.Boots = "", nil, []report.Run{runs[0]}
	same(t, "an earlier boot of the same medium", []string{"boot-time", "evidence", "boot-1"}, sections(&again))
	if err := os.WriteFile(filepath.Join(dir, build.Inventory), []byte("no gzip"), 0o644); err != nil {
		t.Fatal(err)
	}
	page, _ := pageWith(t, dir, build, runs[0])
	if text := section(t, page, "evidence").text; !strings.Contains(text, "without what couldn’t be read: reading the inventory") {
		t.Errorf("a broken inventory isn't said: %s", text)
	}
}

func TestReadBuild(t *testing.T) {
	dir := t.TempDir()
	if b, err := report.ReadBuild(dir); b != nil || err != nil {
		t.Errorf("an empty folder: %+v, %v", b, err)
	}
	build, _ := built(t, dir)
	if build.ISO != "example.iso" || build.SBOM == "" || build.Provenance == "" || build.Previous.SHA256 != "0123456789abcdef" ||
		len(build.Boots) != 1 || !slices.Equal(build.Signatures, []string{"SHA256SUMS.sig"}) || build.Previous.Lock != "" {
		t.Errorf("%+v", build)
	}
	write(t, filepath.Join(dir, "build.json"), `{"id": "../x", "iso": "y.iso", "lock": "../../etc/passwd", "sha256": "1"}`)
	if b, err := report.ReadBuild(dir); err != nil || b.Lock != "" {
		t.Errorf("a lock elsewhere: %+v, %v", b, err)
	}
	write(t, filepath.Join(dir, "build.json"), `{`)
	if _, err := report.ReadBuild(dir); err == nil || !strings.Contains(err.Error(), "build.json") {
		t.Errorf("a broken file: %v", err)
	}
}

// Thousands of files may differ: the page says how many, and lists the weightiest.
func TestChangesAreBounded(t *testing.T) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	v := contents()
	for i := range 5000 {
		v.Files = append(v.Files, inventory.File{Path: fmt.Sprintf("var/%05d", i), Size: int64(i), Package: "cinnamon"})
		v.Packages = append(v.Packages, inventory.Package{Name: fmt.Sprintf("p-%04d", i), Version: "1", Size: int64(i)})
	}
	if err := v.Write(filepath.Join(dir, build.Inventory)); err != nil {
		t.Fatal(err)
	}
	page, source := pageWith(t, dir, build, runs...)
	files := section(t, page, "changes").all("details", "files")[0]
	if n := len(files.all("li")); n != 200 || !strings.Contains(files.text, "4,803 more aren’t listed") || !strings.Contains(files.text, "5,001 added") {
		t.Errorf("%d files: %.300s", n, files.text)
	}
	if n := len(section(t, page, "changes").all("details", "many")); n != 1 {
		t.Error("thousands of packages aren't folded")
	}
	if text := section(t, page, "inside").text; !strings.Contains(text, "4,928 packages more take") {
		t.Errorf("the rest isn't said: %.200s", text)
	}
	if len(source) > 3<<20 {
		t.Errorf("the page has %d bytes", len(source))
	}
}
