package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
)

// TestManyDepositsStandOnOneVerification: what files of one exhibit stand on is
// verified once a minute, and whenever something happened to the exhibit: then
// before bytes travel.
func TestManyDepositsStandOnOneVerification(t *testing.T) {
	c := newCast(t)
	ctx := context.Background()
	dossiers, now := 0, time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)
	c.f.dossier = func(b []byte) []byte { dossiers++; return b }
	c.officer.Clock = func() time.Time { return now }
	put := func(n int) error {
		path := filepath.Join(t.TempDir(), "image.dd")
		must(t, os.WriteFile(path, fmt.Appendf(nil, "image %d", n), 0o600))
		_, err := c.officer.Deposit(ctx, Depositing{Path: path, Case: c.matter, Parent: &c.exhibit})
		return err
	}
	for i, step := range []struct {
		later time.Duration
		want  int // dossiers verified so far
	}{{0, 1}, {30 * time.Second, 1}, {time.Second, 1}, {time.Minute, 2}, {0, 2}} {
		now = now.Add(step.later)
		must(t, put(i))
		if dossiers != step.want {
			t.Errorf("after deposit %d, %d dossiers were verified, not %d", i+1, dossiers, step.want)
		}
	}
	_, err := c.officer.Release(ctx, Release{Items: []Handing{{Item: c.exhibit}}, To: c.to(c.clerk), Purpose: custody.PurposeStorage})
	must(t, err)
	parts := len(c.f.parts)
	if err := put(9); !errors.Is(err, ErrNotHolder) || len(c.f.parts) != parts {
		t.Errorf("a deposit from an exhibit that was given away: %v, %d parts sent", err, len(c.f.parts)-parts)
	}
}
