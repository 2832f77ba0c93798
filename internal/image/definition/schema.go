package definition

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
)

// Kinds returns the kinds of definition files in merge order.
func Kinds() []Kind { return []Kind{KindBase, KindFeature, KindImage, KindRespin} }

// The files in checks/ and controls/ define nothing by themselves but have a schema too.
const (
	kindChecks   Kind = "checks"
	kindControls Kind = "controls"
)

// SchemaKinds returns the kinds of files that have a schema.
func SchemaKinds() []Kind { return append(Kinds(), kindChecks, kindControls) }

// Schema returns the JSON Schema (draft 2020-12) of one kind of file, as the text of docs/schema/KIND.json.
func Schema(kind Kind) ([]byte, error) {
	keys := map[Kind]any{
		KindBase: baseKeys{}, KindFeature: featureKeys{}, KindImage: imageKeys{}, KindRespin: respinKeys{}, kindChecks: []checkKeys{},
		kindControls: []controlKeys{},
	}
	if keys[kind] == nil {
		return nil, fmt.Errorf("no schema for a %q", kind)
	}
	reflector := jsonschema.Reflector{
		Anonymous: true, DoNotReference: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: valueSchema,
	}
	s := reflector.Reflect(keys[kind])
	s.Title = "NHoS " + string(kind)
	state(s)
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// valueSchema is the schema of what a Value holds: in the file it is the plain value.
func valueSchema(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[Value[string]](), reflect.TypeFor[Value[time.Duration]]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[Value[bool]]():
		return &jsonschema.Schema{Type: "boolean"}
	}
	return nil
}

// state replaces the names of syntaxes, in which a format= results, by what they say.
func state(s *jsonschema.Schema) {
	if x, ok := syntaxes[s.Format]; ok {
		s.Format = ""
		s.Examples = []any{x.example}
		for _, word := range x.words {
			s.Enum = append(s.Enum, word)
		}
		if x.pattern != nil {
			s.Pattern = x.pattern.String()
		}
		if x.most > 0 {
			most := uint64(x.most)
			s.MaxLength = &most
		}
		if x.number { // as YAML sees it without quotes; a pattern binds text alone
			s.Type = ""
			s.AnyOf = []*jsonschema.Schema{{Type: "string"}, {Type: "integer", Minimum: "0", Maximum: "7777"}}
		}
	}
	if s.Items != nil {
		state(s.Items)
	}
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			state(p.Value)
		}
	}
}
