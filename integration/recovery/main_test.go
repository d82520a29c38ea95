// Package recovery drills what migrations/BACKUP.md says: back up, lose
// everything, restore, check, go on; and holds the service to recognising a
// copy that is older than what was signed.
package recovery

import (
	"os"
	"testing"

	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }
