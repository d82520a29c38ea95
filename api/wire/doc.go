// Package wire is the HTTP API as bytes on the wire: the OpenAPI document, and
// the models, server interface and client generated from it. It imports
// nothing of this module, so that any caller may use it alone.
//
// Change openapi.yaml first, then run go generate; a test holds the two together.
package wire

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml openapi.yaml
