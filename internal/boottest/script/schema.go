package script

import (
	"encoding/json"
	"slices"

	"github.com/invopop/jsonschema"
)

// Schema returns the JSON Schema (draft 2020-12) of a scenario's file, as the text of docs/schema/scenario.json.
func Schema() ([]byte, error) {
	s := object("", nil)
	s.Version = jsonschema.Version
	s.Title = "NHoS scenario"
	s.Required = []string{"about", "steps"}
	about := textKind.schema()
	about.Description = "What the scenario shows, as a sentence."
	s.Properties.Set("about", about)

	machine := object("What the machine must have.", map[string]kind{
		"firmware": firmwareKind, "medium": mediumKind, "memory": memoryKind, "cpus": cpusKind, "network": lineKind, "screen": screenKind,
	})
	machine.Properties.Set("disk", &jsonschema.Schema{
		Description: "Sizes of its empty disks.",
		OneOf:       []*jsonschema.Schema{sizeKind.schema(), {Type: "array", Items: sizeKind.schema()}},
	})
	s.Properties.Set("machine", machine)

	step := &jsonschema.Schema{}
	alone := &jsonschema.Schema{Type: "string", Description: "A verb that needs nothing after it."}
	for _, v := range verbs {
		if v.takes.noun == "" {
			alone.Enum = append(alone.Enum, v.name)
			if len(v.beside()) == 0 {
				continue
			}
		}
		step.OneOf = append(step.OneOf, v.schema())
	}
	step.OneOf = append([]*jsonschema.Schema{alone}, step.OneOf...)
	one := uint64(1)
	s.Properties.Set("steps", &jsonschema.Schema{Type: "array", MinItems: &one, Items: step, Description: "What is done, in order."})
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// object is a mapping with these keys and no others, in the order of their names.
func object(about string, keys map[string]kind) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type: "object", Description: about, Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema,
	}
	var names []string
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.Properties.Set(name, keys[name].schema())
	}
	return s
}

// schema is a step of this verb.
func (v *verb) schema() *jsonschema.Schema {
	keys := map[string]kind{}
	for _, key := range v.beside() {
		keys[key] = besideKinds[key]
	}
	s := object(v.about, keys)
	value := v.takes.schema()
	value.Description = v.about
	s.Properties.Set(v.name, value)
	s.Required = []string{v.name}
	return s
}

// schema is a value of this kind.
func (k kind) schema() *jsonschema.Schema {
	share := &jsonschema.Schema{Type: "number", Minimum: "0", Maximum: "1"}
	list := func(of *jsonschema.Schema, count uint64) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "array", Items: of, MinItems: &count, MaxItems: &count}
	}
	text := &jsonschema.Schema{Type: "string"}
	switch k.noun {
	case placeKind.noun:
		at := object("", map[string]kind{"text": textKind})
		at.Required = []string{"text"}
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{list(share, 2), at}}
	case regionKind.noun:
		return list(share, 4)
	case keysKind.noun, programKind.noun:
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text, {Type: "array", Items: text}}}
	case portKind.noun, statusKind.noun, memoryKind.noun, cpusKind.noun:
		return &jsonschema.Schema{Type: "integer"}
	}
	s := text
	s.Examples = []any{k.example}
	if k.noun == typedKind.noun {
		s.Examples = []any{"hello\n"}
	}
	for _, w := range k.words {
		s.Enum = append(s.Enum, w)
	}
	if k.pattern != nil && k.noun != textKind.noun { // ECMAScript knows its classes of letters only in another mode
		s.Pattern = k.pattern.String()
	}
	return s
}
