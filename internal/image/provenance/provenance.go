// Package provenance states how a medium came about, as an in-toto statement with SLSA's provenance predicate: from
// which definitions, packages and tools, each by its digest or version.
//
// The types are those of the specifications (in-toto Statement v1, SLSA Provenance v1), as far as they are used here.
// They are our own because the published ones write JSON through protobuf, whose spacing differs from run to run; a
// test reads what is written with the published ones. There is no time of day in it: the same inputs give the same
// bytes.
package provenance

import (
	"encoding/json"
	"fmt"
	"io"

	"nhos.org/nhos/internal/image/plan"
)

// What the statement and its parts are called.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	buildType     = "https://nhos.org/build/v1"
	builder       = "https://nhos.org/nhos"
)

type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// A resource is in-toto's ResourceDescriptor.
type resource struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type predicate struct {
	BuildDefinition struct {
		BuildType            string            `json:"buildType"`
		ExternalParameters   parameters        `json:"externalParameters"`
		InternalParameters   map[string]string `json:"internalParameters"`
		ResolvedDependencies []resource        `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID      string            `json:"id"`
			Version map[string]string `json:"version"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string `json:"invocationId"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

type parameters struct {
	Image  string `json:"image"`
	Respin string `json:"respin,omitempty"`
	// Definitions are the digests of the files that a person wrote, by name.
	Definitions map[string]string `json:"definitions"`
}

// A Medium is what the statement is about.
type Medium struct {
	Plan    *plan.Plan
	SHA256  string // of the ISO
	Version string // of nhos
}

// Write writes the statement as JSON.
func Write(w io.Writer, m Medium) error {
	img := m.Plan.Image
	s := statement{
		Type: statementType, PredicateType: predicateType,
		Subject: []resource{{Name: m.Plan.Medium.File, Digest: sha(m.SHA256)}},
	}
	d := &s.Predicate.BuildDefinition
	d.BuildType = buildType
	d.ExternalParameters = parameters{Image: img.Name, Respin: img.Respin, Definitions: map[string]string{}}
	d.InternalParameters = map[string]string{"key": string(m.Plan.Medium.Key)}
	for _, l := range m.Plan.Layers {
		d.InternalParameters["layer "+l.Name] = string(l.Key)
	}
	for _, in := range img.Inputs() {
		d.ExternalParameters.Definitions[in.File] = in.SHA256
	}
	d.ResolvedDependencies = append(append(tools(m.Plan.Tools), definitions(img)...), packages(img.Base, m.Plan.Lock)...)
	r := &s.Predicate.RunDetails
	r.Builder.ID = builder
	r.Builder.Version = map[string]string{"nhos": m.Version}
	r.Metadata.InvocationID = string(m.Plan.Medium.Key)
	text, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the provenance: %w", err)
	}
	return nil
}

func sha(sum string) map[string]string { return map[string]string{"sha256": sum} }
