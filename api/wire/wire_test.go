package wire

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatalf("couldn't load openapi.yaml: %v", err)
	}
	return doc
}

// The document is valid OpenAPI, examples included.
func TestDocumentIsValid(t *testing.T) {
	doc := load(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if doc.Paths.Len() == 0 {
		t.Fatal("the document describes no path")
	}
}

// What was generated carries the document it was generated from: a change of
// openapi.yaml without go generate fails here, offline.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	embedded, err := GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bare(asValue(t, embedded)), bare(asValue(t, generated(t, load(t)))); !reflect.DeepEqual(got, want) {
		t.Fatal("wire.gen.go was not generated from this openapi.yaml: run go generate ./api/wire")
	}
}

// generated drops what is served by hand (exclude-tags in oapi-codegen.yaml),
// and the parameters that nothing else has.
func generated(t *testing.T, doc *openapi3.T) *openapi3.T {
	t.Helper()
	dropped := 0
	for _, path := range doc.Paths.Map() {
		for method, op := range path.Operations() {
			if slices.Contains(op.Tags, "tiles") {
				path.SetOperation(method, nil)
				dropped++
			}
		}
	}
	if dropped == 0 {
		t.Fatal("nothing is served by hand any more: mend this test")
	}
	for _, name := range []string{"TileLevel", "TileIndex"} {
		if _, ok := doc.Components.Parameters[name]; !ok {
			t.Fatalf("there is no parameter %s", name)
		}
		delete(doc.Components.Parameters, name)
	}
	return doc
}

// bare drops what the generator doesn't keep: what stands beside a $ref, and
// the case of operationIds.
func bare(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if target, ok := v["$ref"]; ok {
			return map[string]any{"$ref": target}
		}
		if id, ok := v["operationId"].(string); ok {
			v["operationId"] = strings.ToLower(id)
		}
		for k := range v {
			v[k] = bare(v[k])
		}
	case []any:
		for i := range v {
			v[i] = bare(v[i])
		}
	}
	return v
}

func asValue(t *testing.T, doc *openapi3.T) any {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Everything a caller meets is described: operations, parameters, members.
// Every object of a request is closed, so a misspelt member is refused.
func TestEverythingIsDescribed(t *testing.T) {
	doc := load(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s lacks a summary, an operationId or its tag", method, path)
			}
			if op.Responses.Default() == nil {
				t.Errorf("%s %s declares no default problem", method, path)
			}
			for _, p := range op.Parameters {
				if p.Value.Description == "" {
					t.Errorf("%s %s: parameter %s has no description", method, path, p.Value.Name)
				}
			}
		}
	}
	for name, s := range doc.Components.Schemas {
		if s.Value.Description == "" {
			t.Errorf("schema %s has no description", name)
		}
		closed := s.Value.AdditionalProperties.Has != nil && !*s.Value.AdditionalProperties.Has
		if s.Value.Type.Is("object") && name != "Envelope" && !closed {
			t.Errorf("schema %s admits unknown members", name)
		}
		for member := range s.Value.Properties {
			if !describes(t, name, member) {
				t.Errorf("%s.%s has no description", name, member)
			}
		}
	}
}

// describes reads the YAML itself: beside a $ref the loader keeps the
// description of the target, not that of the member.
func describes(t *testing.T, schema, member string) bool {
	t.Helper()
	b, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(b), "\n    "+schema+":\n")
	if !ok {
		return false
	}
	for _, line := range strings.Split(after, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), member+": {") {
			return strings.Contains(line, "description: ")
		}
	}
	return false
}
