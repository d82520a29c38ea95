// Package service puts the parts together: database, object store, ledger,
// registrar and API, started and stopped in the right order. With nothing
// configured it runs a private PostgreSQL and a private S3 server.
package service

import (
	"io"
	"log/slog"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/evidence/vault"
)

// Options say what to run. The zero value runs everything privately under the
// default state directory.
type Options struct {
	Data   string // state directory; "" the default for this user
	Listen string // host:port; port 0 for any

	KeysDir      string // of the service's own keys, the same for all replicas; "" keys in Data
	ServiceKey   string // file or KMS's URI; "" service.pem in KeysDir
	LogKey       string // file or KMS's URI; "" log.pem in KeysDir
	LogMLDSAKey  string // file; "" log-mldsa.pem in KeysDir
	KMSTokenFile string // with the token for Vault or OpenBao; "" VAULT_TOKEN

	Plain         bool   // what is deposited is stored as it is; otherwise encrypted
	EncryptionKey string // a KMS's URI of the key-encryption key; "" a file in KeysDir

	Origin string       // of a new log; "" draws one
	Mode   custody.Mode // of a new log

	Database *Database     // nil: a private PostgreSQL
	PGBinDir string        // where initdb and postgres are; "" looks for them
	Store    *vault.Config // nil: a private S3 server

	// Retention of the private store; an outside store's is in Store.
	RetentionMode   vault.Mode
	RetentionPeriod time.Duration

	OpenEntries bool // the log's entries are for everybody; otherwise for members and auditors

	// Witnesses cosign the log's checkpoints; so many different ones make one
	// witnessed (0: it needs none), and an answer waits for them so long.
	Witnesses   []witness.Peer
	Quorum      int
	WitnessWait time.Duration

	PolicyFile             string // trust policy for reports, read anew for each; "" none
	MaxArtifact            uint64 // bytes; 0: what the store takes
	MaxPart, MaxSubmission int64  // bytes of one request; 0: the edge's defaults
	TokenLife              time.Duration
	InviteLife             time.Duration

	TimestampAuthorities []TimestampAuthority
	TimestampEvery       time.Duration // 0: DefaultTimestampEvery

	FixityEvery time.Duration // each stored copy is read back so often; 0: only when somebody asks
	FixityRate  uint64        // bytes a second of it, and of decoding images; 0: as fast as they come
	LeaveImages bool          // images that are deposited are not decoded

	CertFile, KeyFile string        // of TLS, taken over anew when they change; "" plain HTTP
	MetricsListen     string        // host:port of Prometheus's /metrics; "" none
	Drain             time.Duration // how long requests in hand may go on at the stop; 0: DefaultDrain

	Idle time.Duration    // how long a peer may be silent in the middle of a request; 0: the edge's default
	Now  func() time.Time // the clock of all that is said, signed and waited for here; nil: time.Now

	// S3Args make this program run locals3.Child when it is executed anew.
	S3Args []string

	Announce io.Writer    // what was started, in words; nil: nothing
	Log      *slog.Logger // nil: nothing
}

// DefaultDrain is how long requests in hand may go on where nothing is said.
const DefaultDrain = 30 * time.Second

// TimestampAuthority is asked for the log's time.
type TimestampAuthority struct {
	URL             string
	CertificateFile string // PEM
}

// DefaultTimestampEvery is the least time between two timestamps of the log's
// head where nothing is said.
const DefaultTimestampEvery = time.Minute

// Database is an outside PostgreSQL.
type Database struct {
	App      string // connection string of custody_app
	Migrator string // connection string of custody_migrator; "" migrates with App's
}

// S3Command is the hidden subcommand that runs the private S3 server.
const S3Command = "internal-s3-server"
