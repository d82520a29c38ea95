package keyring

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"

	"github.com/evidence-custody/custodyd/custody/keyring/safefile"
)

// EnvHome names the environment variable that overrides where a person's keys
// and records lie.
const EnvHome = "CUSTODY_HOME"

// DefaultHome is where one person's keys and records lie: $CUSTODY_HOME, else
// "custody" in the XDG data directory (on Windows %LOCALAPPDATA%, on macOS
// ~/Library/Application Support).
func DefaultHome() string {
	if dir := os.Getenv(EnvHome); dir != "" {
		return dir
	}
	return filepath.Join(xdg.DataHome, "custody")
}

// Home is one person's directory.
type Home struct {
	Dir    string
	Keys   *Ring
	Outbox *Outbox
	Seen   *SeenStore
	Trust  *TrustStore
}

// OpenHome opens a person's directory, making what is missing.
func OpenHome(dir string, now time.Time) (*Home, error) {
	if err := safefile.Dir(dir); err != nil {
		return nil, fmt.Errorf("couldn't open home: %w", err)
	}
	keys, err := OpenRing(filepath.Join(dir, "keys"), now)
	if err != nil {
		return nil, err
	}
	outbox, err := OpenOutbox(filepath.Join(dir, "outbox"), now)
	if err != nil {
		return nil, err
	}
	seen, err := OpenSeen(filepath.Join(dir, "seen"), now)
	if err != nil {
		return nil, err
	}
	trust, err := OpenTrust(filepath.Join(dir, "trust"), now)
	if err != nil {
		return nil, err
	}
	return &Home{Dir: dir, Keys: keys, Outbox: outbox, Seen: seen, Trust: trust}, nil
}
