package replicas

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestFoundedTogether: replicas with the same keys, started at once on an
// empty database, found one log.
func TestFoundedTogether(t *testing.T) {
	o := stage.NewOutside(t)
	// Keys as a fleet's operator makes them: by a first start elsewhere.
	first := stage.NewOutside(t)
	stage.Stop(t, stage.Serve(t, first.Options(filepath.Join(first.Dir, "data"), "")))
	var all [3]*service.Service
	var wg sync.WaitGroup
	for i := range all {
		data := filepath.Join(o.Dir, string(rune('a'+i)))
		stage.CopyKeys(t, filepath.Join(first.Dir, "data", "keys"), filepath.Join(data, "keys"))
		wg.Go(func() {
			svc, err := service.Start(stage.Context(t), o.Options(data, ""))
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = svc
		})
	}
	wg.Wait()
	for _, svc := range all {
		if svc != nil {
			stage.Stop(t, svc)
		}
	}
}

// TestReplicaWithoutKeys is told what to do, and leaves nothing behind.
func TestReplicaWithoutKeys(t *testing.T) {
	o := stage.NewOutside(t)
	founder := filepath.Join(o.Dir, "founder")
	stage.Serve(t, o.Options(founder, ""))
	start := func(o service.Options) error {
		svc, err := service.Start(stage.Context(t), o)
		if err == nil {
			stage.Stop(t, svc)
		}
		return err
	}
	second := filepath.Join(o.Dir, "second")
	err := start(o.Options(second, ""))
	if err == nil || !strings.Contains(err.Error(), "copy service.pem and log.pem") || !strings.Contains(err.Error(), filepath.Join(second, "keys")) {
		t.Errorf("without keys: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(second, "keys")); err == nil && len(left) > 0 {
		t.Errorf("%d files were left in the key directory", len(left))
	}
	other := stage.NewOutside(t)
	stage.Stop(t, stage.Serve(t, other.Options(filepath.Join(other.Dir, "data"), "")))
	if err := start(o.Options(second, filepath.Join(other.Dir, "data", "keys"))); err == nil || !strings.Contains(err.Error(), "copy service.pem and log.pem") {
		t.Errorf("with another log's keys: %v", err)
	}
	// The founder's own directory does, and so does a copy.
	if err := start(o.Options(second, filepath.Join(founder, "keys"))); err != nil {
		t.Errorf("with the founder's directory: %v", err)
	}
	stage.CopyKeys(t, filepath.Join(founder, "keys"), filepath.Join(second, "keys"))
	if err := start(o.Options(second, "")); err != nil {
		t.Errorf("with copied keys: %v", err)
	}
}
