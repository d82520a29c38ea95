package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/evidence-custody/custodyd/custody"
)

// FieldError is a value that can't be used, and what to do about it.
type FieldError struct {
	Field   string // its key in the file
	Problem string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("configuration value %s (%s): %s", e.Field, envName(e.Field), e.Problem)
}

var (
	// As keysafe reads it.
	wrappingForm = regexp.MustCompile(`^(hashivault|openbao)://\w([\w.-]{0,126}\w)?$`)

	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// password=… in a connection string of the key/value kind.
	passwordPair = regexp.MustCompile(`(?i)(^|\s)password\s*=`)
)

// Validate returns all that is wrong, as *FieldErrors joined.
func (c Config) Validate() error {
	var all []error
	refuse := func(field, problem string, args ...any) {
		all = append(all, &FieldError{Field: field, Problem: fmt.Sprintf(problem, args...)})
	}
	c.validateListeners(refuse)
	if c.LogFormat != "text" && c.LogFormat != "json" {
		refuse("log_format", "%q is neither text nor json", c.LogFormat)
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		refuse("log_level", "%q is none of debug, info, warn and error", c.LogLevel)
	}
	if c.Origin != "" && !custody.ValidOrigin(c.Origin) {
		refuse("origin", "%q isn't a bare lower-case host name, such as custody.example.org", c.Origin)
	}
	if c.Mode != "production" && c.Mode != "test" {
		refuse("mode", "%q is neither production nor test", c.Mode)
	}
	if c.LogEntries != "members" && c.LogEntries != "open" {
		refuse("log_entries", "%q is neither members nor open", c.LogEntries)
	}
	if c.Encryption != "on" && c.Encryption != "off" {
		refuse("encryption", "%q is neither on nor off", c.Encryption)
	}
	if c.EncryptionKey != "" && !wrappingForm.MatchString(c.EncryptionKey) {
		refuse("encryption_key", "%q isn't a key of Vault's or OpenBao's transit engine, such as hashivault://custody-evidence; leave it empty for a file in keys_dir", c.EncryptionKey)
	}
	c.validateDatabase(refuse)
	c.validateStore(refuse)
	c.validateTimestamps(refuse)
	c.validateWitnesses(refuse)
	if c.FixityEvery != 0 {
		bounded(refuse, "fixity_every", c.FixityEvery, Duration(time.Hour), Duration(3650*24*time.Hour))
	}
	if c.FixityRate != 0 {
		bounded(refuse, "fixity_rate", c.FixityRate, Size(1<<20), Size(1<<40))
	}
	bounded(refuse, "timestamp_every", c.TimestampEvery, Duration(time.Second), Duration(24*time.Hour))
	bounded(refuse, "limits.max_part", c.Limits.MaxPart, 5<<20, 5<<30)
	bounded(refuse, "limits.max_submission", c.Limits.MaxSubmission, 64<<10, 64<<20)
	bounded(refuse, "token_life", c.TokenLife, Duration(time.Minute), Duration(24*time.Hour))
	bounded(refuse, "drain_time", c.DrainTime, Duration(time.Second), Duration(time.Hour))
	bounded(refuse, "invitation_life", c.InvitationLife, Duration(time.Minute), Duration(30*24*time.Hour))
	return errors.Join(all...)
}

func (c Config) validateListeners(refuse refusal) {
	if host, ok := address(refuse, "listen", c.Listen, "127.0.0.1:8440"); ok && !c.TLS() && !Loopback(host) && !c.UnsafePlainHTTP {
		refuse("listen", "other machines reach %s, and without tls_cert_file the API speaks plain HTTP: set tls_cert_file and tls_key_file, or listen on 127.0.0.1 behind something that speaks TLS, or set unsafe_plain_http", c.Listen)
	}
	for _, v := range [][3]string{{"tls_cert_file", c.TLSCertFile, "tls_key_file"}, {"tls_key_file", c.TLSKeyFile, "tls_cert_file"}} {
		if c.TLS() && v[1] == "" {
			refuse(v[0], "it is empty, and %s is set: TLS needs both", v[2])
		}
	}
	if c.MetricsListen == "" {
		return
	}
	if host, ok := address(refuse, "metrics_listen", c.MetricsListen, "127.0.0.1:9440"); ok && host == "" {
		refuse("metrics_listen", "%q names no host, and so means every network this machine is in: name the one meant, such as 127.0.0.1:9440", c.MetricsListen)
	} else if ok && c.MetricsListen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
		refuse("metrics_listen", "it is that of the API: metrics have a listener of their own")
	}
}

// address is the host of a host:port; ok says that there is one.
func address(refuse refusal, field, v, example string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		refuse(field, "%q isn't host:port; say for example %s", v, example)
		return "", false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		refuse(field, "port %q isn't a number up to 65535", port)
		return "", false
	}
	return host, true
}

type refusal func(field, problem string, args ...any)

func bounded[T interface {
	~int64 | ~uint64
	String() string
}](refuse refusal, field string, v, least, most T) {
	if v < least || v > most {
		refuse(field, "%s isn't between %s and %s", v.String(), least.String(), most.String())
	}
}

func (c Config) validateDatabase(refuse refusal) {
	for _, db := range []struct{ key, url, file string }{
		{"database_url", c.DatabaseURL, c.DatabaseURLFile},
		{"database_migrator_url", c.DatabaseMigratorURL, c.DatabaseMigratorURLFile},
	} {
		if db.url != "" && db.file != "" {
			refuse(db.key, "%s_file is set, too; set one of the two", db.key)
		}
		if hasPassword(db.url) {
			refuse(db.key, "it holds a password: put it into a file that only the service can read, and name that in %s_file", db.key)
		}
	}
	if !c.OutsideDatabase() && (c.DatabaseMigratorURL != "" || c.DatabaseMigratorURLFile != "") {
		refuse("database_migrator_url", "it is set without database_url: set that, too, or neither for a private PostgreSQL")
	}
	if c.OutsideDatabase() && c.PGBinDir != "" {
		refuse("pg_bindir", "it is for a private PostgreSQL, and database_url says to use another; set one of the two")
	}
}

func hasPassword(dsn string) bool {
	if !strings.Contains(dsn, "://") {
		return passwordPair.MatchString(dsn)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		// Unreadable, it isn't shown to anybody: treat it as a secret.
		return true
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password")
}

func (c Config) validateStore(refuse refusal) {
	s := c.S3
	switch s.RetentionMode {
	case "", "COMPLIANCE", "GOVERNANCE":
	default:
		refuse("s3.retention_mode", "%q is neither COMPLIANCE nor GOVERNANCE", s.RetentionMode)
	}
	if s.RetentionPeriod != 0 && s.RetentionPeriod < Duration(24*time.Hour) {
		refuse("s3.retention_period", "%s is shorter than a day", s.RetentionPeriod)
	}
	if !c.OutsideStore() {
		for _, v := range [][2]string{{"s3.bucket", s.Bucket}, {"s3.access_key_file", s.AccessKeyFile}, {"s3.secret_key_file", s.SecretKeyFile}} {
			if v[1] != "" {
				refuse(v[0], "it is set without s3.endpoint: set that, too, or neither for a private store")
			}
		}
		return
	}
	host := s.Endpoint
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.ContainsAny(s.Endpoint, "/@?# ") || host == "" {
		refuse("s3.endpoint", "%q isn't host or host:port; leave the scheme away, and say s3.tls for https or http", s.Endpoint)
	} else if !s.TLS && !s.UnsafePlainHTTP && !Loopback(host) {
		refuse("s3.tls", "it is false, and %s is another machine: evidence would cross the network in clear; set it to true, or set s3.unsafe_plain_http", s.Endpoint)
	}
	if !bucketForm.MatchString(s.Bucket) {
		refuse("s3.bucket", "%q isn't a bucket's name: 3 to 63 small letters, digits, dots and hyphens", s.Bucket)
	}
	if s.AccessKeyFile == "" {
		refuse("s3.access_key_file", "it is empty: name the file that holds the store's access key")
	}
	if s.SecretKeyFile == "" {
		refuse("s3.secret_key_file", "it is empty: name the file that holds the store's secret key")
	}
	if s.RetentionMode == "" {
		refuse("s3.retention_mode", "it is empty: say COMPLIANCE, or GOVERNANCE where the store's administrator may lift a lock")
	}
	if s.RetentionPeriod == 0 {
		refuse("s3.retention_period", "it is empty: say how long evidence is locked, such as 3650d; it can be extended later, never shortened")
	}
}

// Loopback says whether only this machine reaches host. A name other than
// localhost is somebody else's to answer for.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
