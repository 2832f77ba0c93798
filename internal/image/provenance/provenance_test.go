package provenance_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/provenance"
)

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func medium(t *testing.T) provenance.Medium {
	t.Helper()
	dir := t.TempDir()
	archivetest.Write(t, dir, `
-- bases/test/base.yaml --
`+archivetest.Base+`
-- images/desk.yaml --
description: A desk
base: test
product: The Desk
features: [paper]
-- features/paper/feature.yaml --
description: Paper
-- features/paper/files/etc/papersize --
a4
-- features/paper/scripts/10-fold --
#!/bin/sh
`)
	img, err := definition.Load(dir, "desk")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lock.Parse(strings.NewReader("Package: tea\nVersion: 1\nArchitecture: all\nFilename: pool/tea.deb\nSize: 1\nSHA256: " + sum + "\nNhos-Layer: base\nNhos-Archive: main\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Image: img, Lock: l, Tools: plan.Tools{Layer: map[string]string{"mksquashfs": "4.6"}, Medium: map[string]string{"xorriso": "1.5"}}}
	p.Medium.File, p.Medium.Key = "desk-amd64.iso", sum
	p.Layers = []plan.Layer{{Name: "base", Key: sum}}
	return provenance.Medium{Plan: p, SHA256: sum, Version: "v1.2.3"}
}

// TestTheOthersReadIt reads the statement by the types that in-toto publishes, which check it.
func TestTheOthersReadIt(t *testing.T) {
	var text, again bytes.Buffer
	m := medium(t)
	if err := provenance.Write(&text, m); err != nil {
		t.Fatal(err)
	}
	if err := provenance.Write(&again, m); err != nil || text.String() != again.String() {
		t.Errorf("the same medium gave other bytes (%v)", err)
	}
	var s intoto.Statement
	if err := protojson.Unmarshal(text.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if s.Subject[0].Name != "desk-amd64.iso" || s.Subject[0].Digest["sha256"] != sum {
		t.Errorf("subject %v", s.Subject)
	}
	predicate, err := s.Predicate.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var p slsa.Provenance
	if err := protojson.Unmarshal(predicate, &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	var names []string
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		names = append(names, d.Name)
		if d.Annotations == nil && len(d.Digest["sha256"]) != 64 {
			t.Errorf("%s has digest %q", d.Name, d.Digest["sha256"])
		}
	}
	want := "mksquashfs xorriso bases/test/base.yaml features/paper/feature.yaml features/paper/files/etc/papersize features/paper/scripts/10-fold images/desk.yaml tea"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("dependencies\n%s\nnot\n%s", got, want)
	}
}

// TestInputsAreTheFilesThatWereRead: a changed file is another statement, whatever kind of file it is.
func TestInputsAreTheFilesThatWereRead(t *testing.T) {
	m := medium(t)
	for _, in := range m.Plan.Image.Inputs() {
		dir := filepath.Dir(filepath.Dir(m.Plan.Image.Base.Dir))
		file := filepath.Join(dir, in.File)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(text, "# changed\n"...), 0o755); err != nil {
			t.Fatal(err)
		}
		changed, err := definition.Load(dir, "desk")
		if err != nil {
			t.Fatal(err)
		}
		for i, now := range changed.Inputs() {
			if before := m.Plan.Image.Inputs()[i]; (now != before) != (now.File == in.File) {
				t.Errorf("%s was changed; %s: %s before, %s now", in.File, now.File, before.SHA256, now.SHA256)
			}
		}
		if err := os.WriteFile(file, text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
