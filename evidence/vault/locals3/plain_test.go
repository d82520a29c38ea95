package locals3_test

import (
	"net/http"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/locals3"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

// unplanned keeps from the server how large an object is to be, so that its
// parts are files of the gateway's: as for every other client.
type unplanned struct {
	http.RoundTripper
	access, secret string
}

func (u unplanned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Meta-Custody-Size") != "" {
		r = r.Clone(r.Context())
		for _, name := range []string{"X-Amz-Meta-Custody-Size", "X-Amz-Meta-Custody-Part-Size", "Authorization"} {
			r.Header.Del(name)
		}
		r = signer.SignV4(*r, u.access, u.secret, "", locals3.Region)
	}
	return u.RoundTripper.RoundTrip(r)
}

// plain is c for parts that are files of the gateway's.
func plain(c vault.Config) vault.Config {
	c.Transport = unplanned{vaulttest.Transport(c), c.AccessKey, c.SecretKey}
	return c
}
