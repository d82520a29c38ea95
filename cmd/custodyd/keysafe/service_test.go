package keysafe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"

	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "sigstore-kms-") {
		if err := keysafe.Plugin(); err != nil {
			_ = handler.WriteErrorResponse(os.Stdout, err)
		}
		return
	}
	os.Exit(stage.Main(m))
}

// TestServiceWithKMS runs a whole service whose keys are never in its hands:
// log founded, people enrolled, bytes received, receipts that verify.
func TestServiceWithKMS(t *testing.T) {
	keysafe.Install(t)
	kept := t.TempDir()
	if _, err := keysafe.Open(t.Context(), keysafe.Place{Dir: kept}, true); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(stage.Dir(t), "data")
	o := stage.Options(data)
	o.ServiceKey, o.LogKey = "kept://"+kept+"/service.pem", "kept://"+kept+"/log.pem"
	svc := stage.Serve(t, o)
	token, _, err := svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), token)
	d := cast.Investigator.Deposit(t, cast.Investigator.OpenCase(t), nil, stage.File(t, 1<<20))
	cast.Investigator.Included(t, d.Recorded)
	stage.Stop(t, svc)
	for _, name := range []string{"service.pem", "log.pem"} {
		if _, err := os.Stat(filepath.Join(data, "keys", name)); err == nil {
			t.Errorf("%s was made beside the KMS", name)
		}
	}
	r, err := service.Check(stage.Context(t), o, true, func(uint64, uint64) {})
	if err != nil || !r.Whole() || r.Signed != r.Events {
		t.Errorf("%+v %v", r, err)
	}
	// The KMS's key is replaced: the service doesn't start with it.
	other := t.TempDir()
	if _, err := keysafe.Open(t.Context(), keysafe.Place{Dir: other}, true); err != nil {
		t.Fatal(err)
	}
	o.ServiceKey = "kept://" + other + "/service.pem"
	if svc, err := service.Start(stage.Context(t), o); err == nil {
		stage.Stop(t, svc)
		t.Error("another key is accepted")
	} else if !strings.Contains(err.Error(), "the database holds a log of other keys than these") {
		t.Error(err)
	}
}
