// Package house holds the house to its plan: which package may know which.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/evidence-custody/custodyd/"

// may says which of our packages each package may import directly. A package
// that is not listed may not exist, so that every new one is put somewhere on
// purpose. Entries ending in "/..." stand for everything below.
var may = map[string][]string{
	"evidence/acquisition":    {},
	"cmd/custody/consignment": {"cmd/custody/desk", "custody", "custody/keyring/safefile", "evidence", "evidence/acquisition", "evidence/segments"},

	"evidence":           {"evidence/sum"},
	"evidence/sum":       {},
	"evidence/bulk":      {},
	"evidence/parcel":    {"evidence", "evidence/bulk"},
	"evidence/ewf":       {},
	"evidence/segments":  {},
	"custody":            {"evidence"},
	"custody/seal":       {"custody", "evidence"},
	"custody/tlog":       {"custody", "custody/seal", "evidence"},
	"custody/standing":   {"custody", "evidence"},
	"custody/ruling":     {"custody", "custody/standing", "evidence"},
	"custody/dossier":    {"custody", "custody/seal", "custody/tlog", "evidence"},
	"custody/verify":     {"custody", "custody/standing", "custody/ruling", "custody/seal", "custody/tlog", "custody/dossier", "evidence"},
	"custody/report":     {"custody", "custody/standing", "custody/verify", "evidence", "evidence/acquisition"},
	"custody/report/pdf": {"custody/report", "evidence"},

	"custody/keyring":          {"custody", "custody/seal", "custody/tlog", "custody/keyring/safefile", "evidence"},
	"custody/keyring/safefile": {},
	"custody/auditor":          {"custody", "custody/seal", "custody/tlog", "custody/verify", "custody/keyring/safefile", "evidence"},
	"custody/witness":          {"custody/keyring/safefile", "custody/tlog", "evidence"},

	"custody/timekeeper": {"custody", "custody/tlog", "custody/ledger/docket", "evidence"},

	"migrations":               {},
	"custody/ledger":           {"custody", "custody/standing", "custody/ruling", "custody/seal", "custody/tlog", "custody/ledger/docket", "migrations", "evidence"},
	"custody/ledger/docket":    {"custody", "custody/standing", "custody/ruling", "custody/seal", "custody/tlog", "evidence"},
	"custody/ledger/localpg":   {},
	"custody/fixity":           {"custody", "custody/ledger/docket", "evidence", "evidence/bulk", "evidence/vault/strongbox"},
	"custody/imaging":          {"custody", "custody/fixity", "custody/ledger/docket", "evidence", "evidence/ewf"},
	"custody/gallery":          {"custody/tlog", "custody/ledger/docket", "evidence"},
	"evidence/vault":           {"evidence", "evidence/vault/strongbox"},
	"evidence/vault/locals3":   {"evidence/bulk"},
	"evidence/vault/strongbox": {"evidence", "evidence/bulk"},
	"custody/registrar": {"custody", "custody/standing", "custody/seal", "custody/tlog", "custody/dossier", "custody/verify", "custody/report", "custody/report/pdf",
		"custody/fixity", "custody/ledger/docket", "evidence", "evidence/bulk", "evidence/parcel", "evidence/acquisition"},

	"api":        {"api/wire", "custody/registrar", "evidence"},
	"api/wire":   {},
	"api/client": {"api/wire", "evidence", "evidence/parcel"},

	"cmd/custody": {"cmd/custody/desk", "cmd/custodyd/certificate", "custody/witness", "api/client", "api/wire", "custody", "custody/auditor", "custody/keyring", "custody/keyring/safefile", "custody/seal", "custody/tlog", "custody/standing",
		"custody/dossier", "custody/verify", "custody/report", "evidence", "evidence/acquisition", "cmd/custody/consignment", "evidence/ewf"},
	"cmd/custody/desk": {"api/client", "api/wire", "custody", "custody/keyring", "custody/keyring/safefile", "custody/seal", "custody/tlog", "custody/standing",
		"custody/dossier", "custody/verify", "evidence", "evidence/bulk", "evidence/parcel", "evidence/acquisition", "evidence/ewf", "evidence/segments"},
	"cmd/custodyd":             {"cmd/custodyd/...", "custody", "custody/witness", "evidence", "evidence/vault", "evidence/vault/locals3"},
	"cmd/custodyd/child":       {},
	"cmd/custodyd/config":      {"custody"},
	"cmd/custodyd/certificate": {},
	"cmd/custodyd/doctor":      {"api/client", "cmd/custodyd/certificate", "cmd/custodyd/child", "cmd/custodyd/config", "cmd/custodyd/keysafe", "custody/ledger", "custody/ledger/docket", "custody/ledger/localpg", "custody/verify", "evidence/vault", "migrations"},
	"cmd/custodyd/keysafe":     {"custody", "custody/seal", "custody/tlog", "custody/keyring/safefile", "evidence/vault/strongbox"},
	"cmd/custodyd/metrics":     {"api", "custody", "custody/gallery", "custody/ledger/docket", "custody/registrar", "evidence/parcel"},
	"cmd/custodyd/demo":        {"cmd/custody/desk", "custody", "custody/keyring", "custody/dossier", "custody/verify", "evidence"},
	"cmd/custodyd/service":     {"api", "cmd/custodyd/certificate", "cmd/custodyd/child", "cmd/custodyd/keysafe", "cmd/custodyd/metrics", "custody/...", "custody", "evidence", "evidence/parcel", "evidence/vault", "evidence/vault/locals3", "evidence/vault/strongbox", "migrations"},
}

// helpers of tests may know more; nothing but tests may know them.
func helper(pkg string) bool {
	return strings.HasSuffix(pkg, "test") || strings.HasPrefix(pkg, "integration") || strings.HasPrefix(pkg, "custody/testdata")
}

// never lists what a program or package must not link, however indirectly.
var never = map[string][]string{
	"custody/verify":     {"net/http", "os/exec", "database/sql", "github.com/lib/pq", "github.com/minio/minio-go/v7", "github.com/gorilla/mux"},
	"custody/report/pdf": {"os/exec", "database/sql", "github.com/lib/pq", "github.com/minio/minio-go/v7"},
	"cmd/custody":        {"database/sql", "github.com/lib/pq", "github.com/minio/minio-go/v7", "github.com/versity/versitygw/embedgw", "github.com/versity/versitygw/backend/posix", "github.com/minio/sio"},
	"custody/registrar":  {"github.com/lib/pq", "github.com/minio/minio-go/v7"},
	"api/client":         {"github.com/lib/pq", "github.com/minio/minio-go/v7", "database/sql"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// list asks the Go command, which knows.
func list(t *testing.T) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			t.Fatalf("go list: %v\n%s", err, failed.Stderr)
		}
		t.Fatal(err)
	}
	packages := map[string]goPackage{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages[strings.TrimPrefix(p.ImportPath, module)] = p
	}
	if len(packages) < 20 {
		t.Fatalf("go list shows %d packages", len(packages))
	}
	return packages
}

// TestArrows holds every package to its row.
func TestArrows(t *testing.T) {
	for name, p := range list(t) {
		if helper(name) {
			continue
		}
		allowed, listed := may[name]
		if !listed {
			t.Errorf("%s has no row in the plan of the house", name)
			continue
		}
		for _, path := range p.Imports {
			ours, ok := strings.CutPrefix(path, module)
			if ok && !slices.ContainsFunc(allowed, func(a string) bool {
				return a == ours || strings.HasSuffix(a, "/...") && strings.HasPrefix(ours, strings.TrimSuffix(a, "..."))
			}) {
				t.Errorf("%s imports %s, which its row does not allow", name, ours)
			}
		}
	}
}

// TestPlanIsBuilt finds rows without a package.
func TestPlanIsBuilt(t *testing.T) {
	packages := list(t)
	for name := range may {
		if _, ok := packages[name]; !ok {
			t.Errorf("%s stands in the plan and does not exist", name)
		}
	}
}

// TestNever looks at everything that is linked in.
func TestNever(t *testing.T) {
	packages := list(t)
	for name, banned := range never {
		deps := packages[name].Deps
		if len(deps) == 0 {
			t.Errorf("%s: go list shows no dependencies", name)
		}
		for _, b := range banned {
			if slices.Contains(deps, b) {
				t.Errorf("%s links %s", name, b)
			}
		}
	}
}

// TestPureHalf: what a laboratory imports has no clock, network, database or
// program in it but through the standard library's own.
func TestPureHalf(t *testing.T) {
	packages := list(t)
	for _, name := range []string{"evidence", "evidence/sum", "evidence/acquisition", "evidence/ewf", "custody", "custody/seal", "custody/tlog", "custody/standing", "custody/ruling", "custody/dossier", "custody/verify", "custody/report"} {
		for _, dep := range packages[name].Deps {
			if dep == "net/http" || dep == "os/exec" || dep == "database/sql" {
				t.Errorf("%s reaches %s", name, dep)
			}
		}
	}
}

// TestSealAloneKnowsSigstore: signatures have one door in the pure half; the
// service's own keys may also be in a KMS, which sigstore reaches.
func TestSealAloneKnowsSigstore(t *testing.T) {
	for name, p := range list(t) {
		for _, path := range p.Imports {
			if strings.HasPrefix(path, "github.com/sigstore/") && name != "custody/seal" && name != "cmd/custodyd/keysafe" && !helper(name) {
				t.Errorf("%s imports %s; only custody/seal and cmd/custodyd/keysafe may", name, path)
			}
		}
	}
}
