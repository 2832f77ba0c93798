package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/image/contents"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/ui"
)

// inspect lists what is in a layer that is about to be sealed, beside its other outputs, and refuses it for a secret.
func (b *builder) inspect(ctx context.Context, upper, out string, log io.Writer) error {
	l, err := contents.Scan(ctx, upper)
	if err != nil {
		return err
	}
	if err := b.judge(l, log); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(out, plan.ContentsOutput))
	if err != nil {
		return fmt.Errorf("listing a layer: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := errors.Join(l.Write(w), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("listing a layer: %w", err)
	}
	return nil
}

// judge is an error that joins the secrets of a layer which neither are public nor let pass by the definition. It is
// held against layers from the store too: they may have been made when the definition let something pass.
func (b *builder) judge(l *contents.Layer, log io.Writer) error {
	var found []error
	for _, f := range l.Findings {
		switch reason := b.allowed(f); {
		case reason != "":
			fmt.Fprintf(log, "scan for secrets: %s %s: let pass: %s\n", f.Path, f.Finding, reason)
		default:
			found = append(found, ui.Hint(fmt.Errorf("a secret in the image: %s %s%s", f.Path, f.Finding, b.broughtBy(l, f)), secretHint))
		}
	}
	return errors.Join(found...)
}

const secretHint = "everyone who has the medium can read it: take it out, or say under allow_secrets why it may be there (docs/inside.md)"

// allowed is why a finding is let pass, or "".
func (b *builder) allowed(f contents.Finding) string {
	img := b.plan.Image
	// What an archive that everyone can read has in a package is no secret. A base that brings its own key may have an
	// archive that not everyone can read.
	if f.Shipped != "" && !img.Base.OwnKeyring() {
		return "package " + f.Shipped + " ships just this file"
	}
	for _, p := range img.Parts {
		for _, a := range p.AllowSecrets {
			if a.Allows(f.Path, f.Kind) {
				return fmt.Sprintf("%s (%s)", a.Reason, a.Origin)
			}
		}
	}
	return ""
}

// broughtBy names the file of the definition that the finding's file comes from.
func (b *builder) broughtBy(l *contents.Layer, f contents.Finding) string {
	var by definition.File
	var file string
	for _, p := range b.plan.Image.Parts {
		for _, d := range p.Files {
			if d.Path == f.Path && d.SHA256 != "" {
				by, file = d, p.FileOf(d)
			}
		}
	}
	for _, e := range l.Entries {
		if file == "" || e.Path != f.Path {
			continue
		}
		if e.SHA256 != by.SHA256 {
			return "; the file comes from " + file + " and was changed since, by a script or a package"
		}
		if f.Line > 0 {
			return fmt.Sprintf("; it comes from %s:%d", file, f.Line)
		}
		return "; it comes from " + file
	}
	return ""
}
