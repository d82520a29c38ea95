package wire

import (
	_ "embed"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed openapi.yaml
var openAPI []byte

// Description reads the OpenAPI document. It is the one to validate with and to
// publish: GetSpec's copy lost the descriptions that stand beside a $ref.
func Description() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the OpenAPI document: %w", err)
	}
	return doc, nil
}
