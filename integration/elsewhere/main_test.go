// Package elsewhere runs what newcomers and strangers run: the README's tour,
// the verifier in a container that holds nothing else, and the service on a
// database and an object store that are not its own.
package elsewhere

import (
	"os"
	"testing"

	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }
