package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/inventory"
)

// built is what the files beside a medium show. Each is looked at once, however many controls name it.
type built struct {
	*report.Build
	img   *definition.Image
	key   *signature.PublicKey
	whole map[string]signature.State // of the files of SHA256SUMS
	seen  map[string]*proved
}

type proved struct {
	Proof
	why string
}

func newBuilt(b *report.Build, img *definition.Image, key *signature.PublicKey) built {
	return built{b, img, key, map[string]signature.State{}, map[string]*proved{}}
}

// A notShown says why there is nothing to look at. That is another thing than what was looked at and isn't as it should.
type notShown string

func (n notShown) Error() string { return string(n) }

const noFile notShown = "the build left no such file beside the medium"

// proof looks at what one word of definition.BuiltProofs means.
func (b *built) proof(name string) (Proof, string) {
	if p := b.seen[name]; p != nil {
		return p.Proof, p.why
	}
	look := map[string]func() (string, error){
		"areas": b.areas, "checksums": b.checksums, "lock": b.lock, "packages": b.packages, "provenance": b.provenance, "sbom": b.sbom,
		"secret-scan": b.secretScan, "signature": b.signature,
	}[name]
	said, err := look()
	p := &proved{Proof: Proof{Kind: "built", Name: name, Said: said, State: Good}}
	if err != nil {
		p.State, p.Said, p.why = Bad, err.Error(), name+": "+err.Error()
		if errors.As(err, new(notShown)) {
			p.State = Missing
		}
	}
	b.seen[name] = p
	return p.Proof, p.why
}

// checksums holds the medium and the files beside it against SHA256SUMS, and the medium against what was tested.
func (b *built) checksums() (string, error) {
	files, err := signature.Check(b.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", noFile
	}
	if err != nil {
		return "", err
	}
	for _, f := range files {
		b.whole[f.File] = f.State
		if f.State != signature.Good {
			return "", fmt.Errorf("%s is %s", f.File, f.State)
		}
	}
	if !slices.Contains(files, signature.Verdict{File: b.ISO, SHA256: b.SHA256, State: signature.Good}) {
		return "", fmt.Errorf("SHA256SUMS names no %s of the digest that was tested", b.ISO)
	}
	return fmt.Sprintf("%d files, the medium among them, are those of SHA256SUMS", len(files)), nil
}

// file is the path of a file beside the medium, whose bytes have to be those that the build wrote.
func (b *built) file(name string) (string, error) {
	if name == "" {
		return "", noFile
	}
	if p, _ := b.proof("checksums"); p.State == Missing {
		return "", noFile
	}
	if state := b.whole[name]; state != signature.Good {
		return "", fmt.Errorf("%s isn't as SHA256SUMS has it", name)
	}
	return filepath.Join(b.Dir, name), nil
}

func (b *built) readLock() (*lock.Lock, error) {
	path, err := b.file(b.Lock)
	if err != nil {
		return nil, err
	}
	return lock.Read(path)
}

func (b *built) lock() (string, error) {
	l, err := b.readLock()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s names %d packages by version and SHA-256", b.Lock, len(l.Packages)), nil
}

// areas sees to it that every package comes from a section of the archive that the base names, by where the archive
// has it: pool/SECTION/..., and of security fixes pool/updates/SECTION/....
func (b *built) areas() (string, error) {
	l, err := b.readLock()
	if err != nil {
		return "", err
	}
	for _, p := range l.Packages {
		path := strings.TrimPrefix(strings.TrimPrefix(p.Filename, "pool/"), "updates/")
		if area, _, _ := strings.Cut(path, "/"); !slices.Contains(b.img.Base.Components, area) {
			return "", fmt.Errorf("package %s is from %s, and the base names %s", p.Name, p.Filename, strings.Join(b.img.Base.Components, ", "))
		}
	}
	return fmt.Sprintf("%d packages from %s alone", len(l.Packages), strings.Join(b.img.Base.Components, ", ")), nil
}

// packages sees to it that every installed package was asked for, by the definition or by one that was.
func (b *built) packages() (string, error) {
	path, err := b.file(b.Inventory)
	if err != nil {
		return "", err
	}
	v, err := inventory.Read(path)
	if err != nil {
		return "", err
	}
	unwanted := map[string]bool{}
	for _, p := range append(b.img.ImageRemoved(), b.img.RespinRemoved()...) {
		unwanted[p.Name] = true
	}
	for _, p := range v.Packages {
		switch {
		case p.Part == "":
			return "", fmt.Errorf("no part of the definition asks for package %s, nor for one that depends on it", p.Name)
		case unwanted[p.Name]:
			return "", fmt.Errorf("package %s is installed, which the definition keeps out", p.Name)
		}
	}
	return fmt.Sprintf("%d packages, each asked for by a part of the definition or needed by one that is", len(v.Packages)), nil
}

// maxNote bounds what is read of an SBOM or a provenance: a desktop's SBOM has about 10 MB.
const maxNote = 256 << 20

func (b *built) decode(name string, into any) error {
	path, err := b.file(name)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxNote)).Decode(into); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

// sbom sees to it that every package of the lock that the medium keeps is in the bill of materials.
func (b *built) sbom() (string, error) {
	var bill struct {
		Components []struct{ Type, Name, Version string }
	}
	if err := b.decode(b.SBOM, &bill); err != nil {
		return "", err
	}
	listed, files := map[string]bool{}, 0
	for _, c := range bill.Components {
		if c.Type == "file" {
			files++
			continue
		}
		listed[c.Name+" "+c.Version] = true
	}
	l, err := b.readLock()
	if err != nil {
		return "", err
	}
	for _, p := range l.Packages {
		if p.RemovedIn == "" && !listed[p.Name+" "+p.Version] {
			return "", fmt.Errorf("%s lacks package %s %s of the lock", b.SBOM, p.Name, p.Version)
		}
	}
	return fmt.Sprintf("%s lists %d packages and %d files that no package owns", b.SBOM, len(listed), files), nil
}

// A statement is what is read of the provenance (package provenance writes it).
type statement struct {
	Subject   []struct{ Digest map[string]string }
	Predicate struct {
		BuildDefinition struct {
			ExternalParameters struct{ Definitions map[string]string }
		}
	}
}

// provenance sees to it that the statement is about this medium.
func (b *built) provenance() (string, error) {
	var s statement
	if err := b.decode(b.Provenance, &s); err != nil {
		return "", err
	}
	if len(s.Subject) != 1 || s.Subject[0].Digest["sha256"] != b.SHA256 {
		return "", fmt.Errorf("%s is about another medium", b.Provenance)
	}
	return b.Provenance + " names the definitions, packages and tools that this medium was made from", nil
}

// changed are the definition files that aren't those which the medium was made from; a few of them, where they are many.
func (b *built) changed() (files []string) {
	var s statement
	if b.decode(b.Provenance, &s) != nil {
		return nil // which the control about provenance says
	}
	was := s.Predicate.BuildDefinition.ExternalParameters.Definitions
	if len(was) == 0 {
		return nil
	}
	for _, in := range b.img.Inputs() {
		if strings.HasPrefix(in.File, "controls/") {
			continue // nothing is made from them
		}
		if was[in.File] != in.SHA256 {
			files = append(files, in.File)
		}
		delete(was, in.File)
	}
	for file := range was {
		if !strings.HasPrefix(file, "controls/") {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	if most := 10; len(files) > most {
		files = append(files[:most], fmt.Sprintf("and %d more", len(files)-most))
	}
	return files
}

// secretScan rests on the build: it leaves a medium only when the scan of every layer found nothing but stated
// exceptions (docs/inside.md). The medium has to be the one that it left.
func (b *built) secretScan() (string, error) {
	if _, err := b.file(b.ISO); err != nil {
		return "", err
	}
	n := 0
	for _, p := range b.img.Parts {
		n += len(p.AllowSecrets)
	}
	return fmt.Sprintf("the build stops at a secret in any layer and left this medium; exceptions stated in the definition: %d", n), nil
}

func (b *built) signature() (string, error) {
	switch {
	case len(b.Signatures) == 0:
		return "", notShown("nobody has signed the medium (nhos sign)")
	case b.key == nil:
		return "", notShown("no key was given to hold the signature against (--key)")
	}
	r, err := signature.Verify(b.Dir, "", b.key)
	if err != nil {
		return "", err
	}
	return "SHA256SUMS is signed by " + r.SignedBy, nil
}
