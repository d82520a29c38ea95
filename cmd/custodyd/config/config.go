// Package config is the service's configuration: one struct, filled from its
// defaults, then a YAML file, then the environment, then flags. Each field's
// name, environment variable, flag, default and meaning come from its tags,
// and so does what Document prints: nothing can be described that isn't there.
//
// There is no secret among the values. Secrets are in files that the values
// name, so that the configuration can be shown, logged and kept with others'.
package config

import (
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Config is everything that can be configured. The zero value isn't valid:
// Default and Load return usable ones.
type Config struct {
	DataDir string `yaml:"data_dir" flag:"data" doc:"directory of the service's keys and of the private database and object store; default /var/lib/custodyd as root, else custodyd in the XDG data directory"`
	Listen  string `yaml:"listen" default:"127.0.0.1:8440" doc:"host:port of the API; port 0 takes a free one"`

	TLSCertFile string `yaml:"tls_cert_file" doc:"PEM file of the API's TLS certificate and those that vouch for it; read again when it changes; default none: plain HTTP"`
	TLSKeyFile  string `yaml:"tls_key_file" doc:"PEM file of that certificate's key, which not everybody may read"`

	UnsafePlainHTTP bool `yaml:"unsafe_plain_http" default:"false" doc:"let listen name an address that other machines reach without TLS: something in front of it must speak TLS"`

	MetricsListen string `yaml:"metrics_listen" doc:"host:port for Prometheus's /metrics, in plain HTTP and for everybody who reaches it; default none"`
	LogFormat     string `yaml:"log_format" default:"text" doc:"of the log on standard error: text or json"`
	LogLevel      string `yaml:"log_level" default:"info" doc:"least level that is logged: debug, info, warn or error"`

	DrainTime Duration `yaml:"drain_time" default:"30s" doc:"how long requests being answered may go on once the service is told to stop; 1s to 1h; uploads cut then can be resumed"`

	KeysDir       string `yaml:"keys_dir" doc:"directory of the service's own keys and of the newest checkpoint signed with them; all replicas of a service have the same keys; default keys in the data directory"`
	ServiceKey    string `yaml:"service_key" doc:"the P-256 key that signs what the service saw: a file, or a KMS's URI such as hashivault://custody-service; default service.pem in keys_dir"`
	LogKey        string `yaml:"log_key" doc:"the Ed25519 key that signs the log's checkpoints: a file, or a KMS's URI such as hashivault://custody-log; default log.pem in keys_dir"`
	LogMLDSAKey   string `yaml:"log_mldsa_key" doc:"file of the ML-DSA-44 key that signs checkpoints beside log_key, so that a quantum computer does not forge them; made for a new log; default log-mldsa.pem in keys_dir"`
	Encryption    string `yaml:"encryption" default:"on" doc:"on: evidence is encrypted before it is stored, each object under a key of its own; off: what is deposited from now on is stored in plain, for stores that encrypt by themselves; what is there is readable in any case"`
	EncryptionKey string `yaml:"encryption_key" doc:"the key-encryption key that wraps those keys: hashivault://NAME, a key of type aes256-gcm96 in Vault's or OpenBao's transit engine; default a file kek-….pem in keys_dir; taken over by custodyd rotate-key"`
	KMSTokenFile  string `yaml:"kms_token_file" doc:"file with the token for Vault or OpenBao, which VAULT_ADDR names; default VAULT_TOKEN"`

	Origin string `yaml:"origin" doc:"name of a new log, such as custody.example.org; fixed once the log is founded; default a random one"`
	Mode   string `yaml:"mode" default:"production" doc:"what a new log's records are for: production, or test, which every report says; fixed once the log is founded"`

	DatabaseURL             string `yaml:"database_url" doc:"connection string of an outside PostgreSQL 15 or newer, role custody_app, without a password; default a private PostgreSQL"`
	DatabaseURLFile         string `yaml:"database_url_file" doc:"file with that connection string, password included"`
	DatabaseMigratorURL     string `yaml:"database_migrator_url" doc:"connection string, without a password, of role custody_migrator, for migrations; default the same as database_url"`
	DatabaseMigratorURLFile string `yaml:"database_migrator_url_file" doc:"file with that connection string, password included"`
	PGBinDir                string `yaml:"pg_bindir" doc:"folder with initdb and postgres for the private PostgreSQL; default PG_BINDIR, else the newest installed that fits"`

	S3 S3 `yaml:"s3"`

	LogEntries string `yaml:"log_entries" default:"members" doc:"who may read the log's entries, which show each key's activity and no content of a case: members, and auditors with a token from custodyd auditor, or open: everybody"`

	PolicyFile string `yaml:"policy_file" doc:"trust policy under which reports are made; read anew for each; default none, and reports say so"`

	TimestampAuthorities TimestampAuthorities `yaml:"timestamp_authorities" doc:"time-stamping authorities (RFC 3161) that are asked for the log's time, independent ones: a list of url and certificate_file (PEM of the authority, or of one above it); as text URL FILE, with commas between; default none"`
	TimestampEvery       Duration             `yaml:"timestamp_every" default:"1m" doc:"least time between two timestamps of the log's head by one authority, which come only when something happened; 1s to 24h"`

	Witnesses     Witnesses `yaml:"witnesses" doc:"witnesses (C2SP tlog-witness) that cosign the log's heads, run by others than the operator: a list of url and key (the verifier key that custody witness show prints); as text URL KEY, with commas between; default none"`
	WitnessQuorum Count     `yaml:"witness_quorum" default:"0" doc:"how many of them make a head witnessed; heads, receipts and dossiers are then shown under a witnessed one, if there is one in time; 0: no head needs any"`
	WitnessWait   Duration  `yaml:"witness_wait" default:"2s" doc:"how long an answer waits for the quorum; after it the receipt says that it is not witnessed yet, and what was appended stays; 0s to 30s"`

	FixityEvery Duration `yaml:"fixity_every" default:"30d" doc:"how often each stored copy is read back and compared, the one that waits the longest first; 1h to 3650d, or 0s: only when custodyd fixity asks for it"`
	FixityRate  Size     `yaml:"fixity_rate" default:"64MiB" doc:"how many bytes a second of that this process reads at most, and none while evidence comes in; 1MiB to 1TiB, or 0: as fast as they come"`

	DecodeImages bool `yaml:"decode_images" default:"true" doc:"decode every image in the Expert Witness format (E01, s01) that is deposited, and record what was found: hashes of its media data, stored hashes, damaged chunks; within fixity_rate, and not while evidence comes in"`

	Limits Limits `yaml:"limits"`

	TokenLife      Duration `yaml:"token_life" default:"15m" doc:"how long an access token opens the API; 1m to 24h"`
	InvitationLife Duration `yaml:"invitation_life" default:"1h" doc:"how long a one-time invitation can be used; 1m to 30d"`
}

// S3 is the object store. Without an endpoint it is a private one.
type S3 struct {
	Endpoint        string   `yaml:"endpoint" doc:"host or host:port of an outside S3 store with Object Lock; default a private one"`
	Bucket          string   `yaml:"bucket" doc:"its bucket"`
	Region          string   `yaml:"region" default:"us-east-1" doc:"its region"`
	AccessKeyFile   string   `yaml:"access_key_file" doc:"file with the access key"`
	SecretKeyFile   string   `yaml:"secret_key_file" doc:"file with the secret key"`
	TLS             bool     `yaml:"tls" default:"true" doc:"speak TLS to the store"`
	UnsafePlainHTTP bool     `yaml:"unsafe_plain_http" default:"false" doc:"let tls be false for a store on another machine: evidence then crosses the network in clear"`
	RetentionMode   string   `yaml:"retention_mode" doc:"COMPLIANCE, under which nobody can shorten retention, or GOVERNANCE; required with an endpoint; private store: COMPLIANCE"`
	RetentionPeriod Duration `yaml:"retention_period" doc:"how long evidence is locked, such as 3650d; can be extended later, never shortened; required with an endpoint; private store: 365d"`
}

// Limits bound what the service takes.
type Limits struct {
	MaxArtifact   Size `yaml:"max_artifact" default:"0" doc:"largest artifact taken, such as 2TiB; 0 is what the store takes"`
	MaxPart       Size `yaml:"max_part" default:"2GiB" doc:"largest part of an upload; 5MiB to 5GiB"`
	MaxSubmission Size `yaml:"max_submission" default:"1MiB" doc:"largest request that isn't an upload part: an event with its details and documents; 64KiB to 64MiB"`
}

// What the private store keeps evidence for where nothing else is said.
const (
	PrivateRetentionMode   = "COMPLIANCE"
	PrivateRetentionPeriod = 365 * 24 * time.Hour
)

// TLS says whether the API speaks TLS.
func (c Config) TLS() bool { return c.TLSCertFile != "" || c.TLSKeyFile != "" }

// OutsideDatabase says whether a database of its own is configured.
func (c Config) OutsideDatabase() bool { return c.DatabaseURL != "" || c.DatabaseURLFile != "" }

// OutsideStore says whether an object store of its own is configured.
func (c Config) OutsideStore() bool { return c.S3.Endpoint != "" }

// Duration is a time.Duration that can also be written in days: "365d".
type Duration time.Duration

// String returns whole days as such.
func (d Duration) String() string {
	const day = Duration(24 * time.Hour)
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return time.Duration(d).String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number of days, such as 365d", s)
		}
		*d = Duration(n) * Duration(24*time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration, such as 15m, 24h or 365d", s)
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler: an error says where.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error { return scalar(n, d) }

// UnmarshalYAML implements yaml.Unmarshaler: an error says where.
func (s *Size) UnmarshalYAML(n *yaml.Node) error { return scalar(n, s) }

func scalar(n *yaml.Node, into encoding.TextUnmarshaler) error {
	err := errors.New("a single value is needed")
	if n.Kind == yaml.ScalarNode {
		err = into.UnmarshalText([]byte(n.Value))
	}
	if err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
	}
	return nil
}

// maxWitnessWait: clients give up on an answer not much later.
const maxWitnessWait = 30 * time.Second

// Count is a small number.
type Count uint8

// MarshalText implements encoding.TextMarshaler.
func (n Count) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(n), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Count) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 10, 8)
	if err != nil {
		return fmt.Errorf("%q is no number from 0 to 255", text)
	}
	*n = Count(v)
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler: an error says where.
func (n *Count) UnmarshalYAML(node *yaml.Node) error { return scalar(node, n) }

// Size is a number of bytes, written with a binary unit: "512MiB".
type Size uint64

var units = []struct {
	name  string
	bytes Size
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String uses the largest unit that divides it.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatUint(uint64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatUint(uint64(s), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := string(text), Size(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > (1<<63-1)/uint64(factor) {
		return fmt.Errorf("%q is no size, such as 1048576, 512MiB or 2TiB", text)
	}
	*s = Size(n) * factor
	return nil
}
