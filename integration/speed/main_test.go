// Package speed measures the service by the yardsticks of the machine it runs
// on, in the same minute: rows that PostgreSQL alone commits one by one, and
// signatures that its cores alone verify. What counts are the ratios; the
// figures beside them say only which machine it was.
//
//	go test -run - -bench . ./integration/speed
package speed

import (
	"os"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody/ledger/ledgertest"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == service.S3Command { // the service's own child
		os.Exit(stage.Main(m))
	}
	os.Exit(ledgertest.Main(m))
}
