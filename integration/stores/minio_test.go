package stores

import (
	"errors"
	"testing"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

func isNotFound(err error) bool { return errors.Is(err, vault.ErrNotFound) }

// TestMinIO runs the whole suite against a server nobody here wrote.
func TestMinIO(t *testing.T) {
	t.Parallel()
	config, _, _ := minio(t)
	vaulttest.Run(t, func(*testing.T) vault.Config {
		c := config
		c.Bucket = bucket()
		return c
	})
}
