package vault

import (
	"errors"
	"fmt"
	"testing"

	"github.com/minio/minio-go/v7"
)

// TestFullInAnyWords: a full disk is one, whichever way a server says it.
func TestFullInAnyWords(t *testing.T) {
	for _, answer := range []minio.ErrorResponse{
		{StatusCode: 507, Code: "XMinioStorageFull"},
		{StatusCode: 507, Code: "Other"},
		{StatusCode: 500, Code: "InternalError", Message: "We encountered an internal error, please try again.: cause(no space left on device)"},
	} {
		if err := classed(fmt.Errorf("couldn't store: %w", answer)); !errors.Is(err, ErrFull) {
			t.Errorf("%+v is %v", answer, err)
		}
	}
	if err := classed(minio.ErrorResponse{StatusCode: 500, Code: "InternalError", Message: "We encountered an internal error, please try again."}); errors.Is(err, ErrFull) {
		t.Errorf("any error is a full store: %v", err)
	}
}
