package stage

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/mldsa"
	mldsax509 "filippo.io/mldsa/x509"

	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/migrations"
)

// Keys are all the keys that the operator of a service has.
type Keys struct {
	Service  *ecdsa.PrivateKey
	Log      ed25519.PrivateKey
	LogMLDSA *mldsa.PrivateKey
}

// OperatorKeys reads them from a state directory, as its operator can.
func OperatorKeys(t testing.TB, data string) Keys {
	t.Helper()
	read := func(name string) any {
		b, err := os.ReadFile(filepath.Join(data, "keys", name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		if block == nil {
			t.Fatalf("%s is not PEM", name)
		}
		key, err := mldsax509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	service, ok := read("service.pem").(*ecdsa.PrivateKey)
	log, ok2 := read("log.pem").(ed25519.PrivateKey)
	postQuantum, ok3 := read("log-mldsa.pem").(*mldsa.PrivateKey)
	if !ok || !ok2 || !ok3 {
		t.Fatal("the service's keys are of other algorithms than expected")
	}
	return Keys{service, log, postQuantum}
}

// LedgerConfig is what opens the ledger of a running service a second time, as
// another replica would.
func LedgerConfig(t testing.TB, data string) ledger.Config {
	t.Helper()
	keys := OperatorKeys(t, data)
	signer, err := seal.NewSigner(keys.Service)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Config{DSN: DSN(t, data, migrations.RoleApp), Service: signer, LogKey: keys.Log, LogMLDSA: keys.LogMLDSA}
}

// Check reads the whole record of a running service again from its bytes.
func Check(t testing.TB, data string) {
	t.Helper()
	l, err := ledger.Open(Context(t), LedgerConfig(t, data))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Check(Context(t)); err != nil {
		t.Errorf("the record is not whole: %v", err)
	}
}
