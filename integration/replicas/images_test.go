package replicas

import (
	"fmt"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/ewf/ewftest"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// images are decoded by whichever replica is free, each by one.
func (f *fleet) images(t *testing.T) {
	ctx := stage.Context(t)
	p := f.cast.Investigator
	kase := p.OpenCase(t)
	var items []evidence.Digest
	for i := range 8 {
		b := ewftest.Build(ewftest.Image{Media: ewftest.Media(1 << 20), Compressed: i%2 == 0, Set: byte(i + 1)})[0]
		items = append(items, p.Deposit(t, kase, nil, stage.Write(t, fmt.Sprintf("disk%d.E01", i), b)).Item)
	}
	l, err := ledger.Inspect(ctx, f.outside.DSN(localpg.Database, migrations.RoleApp), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for until := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		n, err := l.Images(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n.Waiting == 0 {
			if n != (docket.ImageCount{Whole: uint64(len(items))}) {
				t.Errorf("found %+v", n)
			}
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%+v after a minute", n)
		}
	}
	for _, item := range items {
		events, err := l.ChainEvents(ctx, custody.Observations(item))
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, e := range events {
			if e.Kind() == custody.KindImageRead {
				read++
			}
		}
		if read != 1 {
			t.Errorf("the image of item %s was read %d times", item.Short(), read)
		}
	}
}
