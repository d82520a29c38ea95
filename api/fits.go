package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxEnclosed is the OpenAPI document's maxItems of details and of documents.
const maxEnclosed = 256

// fits reports that the body of an appendEvent surely fits the OpenAPI
// document, of which nearly every one is told in a fraction of the time that
// the validator takes: it compiles the schema for each request. Where fits says
// no, the validator judges. body has passed checkJSON.
func fits(op *openapi3.Operation, body []byte) bool {
	if op.OperationID != "appendEvent" {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || !isA('{', members["envelope"]) {
		return false
	}
	for name, value := range members {
		switch name {
		case "envelope":
		case "details", "documents":
			var files []json.RawMessage
			if !isA('[', value) || json.Unmarshal(value, &files) != nil || len(files) > maxEnclosed {
				return false
			}
			for _, f := range files {
				if !isBase64(f) {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

func isA(first byte, value []byte) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	return len(value) > 0 && value[0] == first
}

// isBase64: a JSON string of strict base64, nothing of it escaped.
func isBase64(value []byte) bool {
	value = bytes.Trim(value, " \t\r\n")
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' || bytes.ContainsAny(value, "\\\r\n") {
		return false
	}
	value = value[1 : len(value)-1]
	_, err := base64.StdEncoding.Strict().AppendDecode(nil, value)
	return err == nil
}
