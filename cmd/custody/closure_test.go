package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestLinksNothingOfTheServer keeps the people's command small and portable:
// no database, no object store, nothing of the server's half, on any platform.
func TestLinksNothingOfTheServer(t *testing.T) {
	for _, platform := range []string{"linux", "windows", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", ".")
		cmd.Env = append(cmd.Environ(), "GOOS="+platform, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: couldn't list dependencies: %v", platform, err)
		}
		deps := strings.Fields(string(out))
		if len(deps) < 100 {
			t.Fatalf("%s: only %d dependencies listed", platform, len(deps))
		}
		for _, dep := range deps {
			for _, banned := range []string{
				"github.com/lib/pq", "github.com/minio/", "github.com/versity/", "github.com/pressly/goose",
				"github.com/evidence-custody/custodyd/custody/registrar", "github.com/evidence-custody/custodyd/custody/ledger",
				"github.com/evidence-custody/custodyd/evidence/vault", "github.com/evidence-custody/custodyd/migrations",
			} {
				if strings.HasPrefix(dep, banned) {
					t.Errorf("%s: custody links %s", platform, dep)
				}
			}
		}
	}
}
