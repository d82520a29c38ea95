package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// EnvFile names the environment variable that names the configuration file.
const EnvFile = "CUSTODY_CONFIG"

const (
	fileFlag = "config"
	maxFile  = 1 << 20
)

// AddFlags adds --config and a flag for every value.
func AddFlags(fs *pflag.FlagSet) {
	fs.String(fileFlag, "", "configuration file (YAML) ["+EnvFile+"]")
	c := Default()
	for _, f := range fields(&c) {
		fs.String(f.flag, f.fallback, f.doc+" ["+f.env+"]")
		if _, isBool := f.value.Interface().(bool); isBool {
			fs.Lookup(f.flag).NoOptDefVal = "true"
		}
	}
}

// Load returns the valid configuration that the file named by --config or
// CUSTODY_CONFIG, the environment and the flags make, each overriding the one
// before. flags, to which AddFlags was applied, may be nil. A variable that is
// set but empty counts as not set.
func Load(flags *pflag.FlagSet, env func(string) string) (Config, error) {
	c := Default()
	path := env(EnvFile)
	if flags != nil && flags.Changed(fileFlag) {
		path = flags.Lookup(fileFlag).Value.String()
	}
	if path != "" {
		if err := c.readFile(path); err != nil {
			return Config{}, fmt.Errorf("couldn't read configuration %s: %w", path, err)
		}
	}
	var all []error
	for _, f := range fields(&c) {
		if text := env(f.env); text != "" {
			if err := f.set(text); err != nil {
				all = append(all, fmt.Errorf("environment variable %s: %w", f.env, err))
			}
		}
		if flags != nil && flags.Changed(f.flag) {
			if err := f.set(flags.Lookup(f.flag).Value.String()); err != nil {
				all = append(all, fmt.Errorf("flag --%s: %w", f.flag, err))
			}
		}
	}
	if err := errors.Join(all...); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readFile reads a file in. Paths in it that are relative are so to the file:
// it means the same wherever the service is started.
func (c *Config) readFile(path string) error {
	b, err := readLimited(path, maxFile)
	if err != nil {
		return err
	}
	if err := c.parse(b); err != nil {
		return err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, p := range []*string{&c.DataDir, &c.DatabaseURLFile, &c.DatabaseMigratorURLFile, &c.PGBinDir, &c.S3.AccessKeyFile, &c.S3.SecretKeyFile, &c.PolicyFile,
		&c.TLSCertFile, &c.TLSKeyFile, &c.KeysDir, &c.ServiceKey, &c.LogKey, &c.LogMLDSAKey, &c.KMSTokenFile} {
		if *p != "" && !filepath.IsAbs(*p) && !strings.Contains(*p, "://") {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range c.TimestampAuthorities {
		if p := &c.TimestampAuthorities[i].CertificateFile; *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	return nil
}

func (c *Config) parse(b []byte) error {
	in := yaml.NewDecoder(bytes.NewReader(b))
	in.KnownFields(true)
	if err := in.Decode(c); errors.Is(err, io.EOF) {
		return nil // empty
	} else if err != nil {
		return explain(err)
	}
	if err := in.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("there is a second document in it: a configuration is one")
	}
	return nil
}

var unknownKey = regexp.MustCompile(`field (.*) not found in type config\.\w+`)

// explain says "unknown key" where the decoder speaks of Go's types.
func explain(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return err
	}
	said := make([]string, len(types.Errors))
	for i, e := range types.Errors {
		said[i] = unknownKey.ReplaceAllString(e, "unknown key $1 (custodyd config lists those there are)")
	}
	return errors.New(strings.Join(said, "; "))
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return b, nil
}

// Databases returns the connection strings of the outside database, for the
// application and for migrations, with what their files hold.
func (c Config) Databases() (app, migrator string, err error) {
	if app, err = secret("database_url_file", c.DatabaseURLFile, c.DatabaseURL); err != nil {
		return "", "", err
	}
	if migrator, err = secret("database_migrator_url_file", c.DatabaseMigratorURLFile, c.DatabaseMigratorURL); err != nil {
		return "", "", err
	}
	if migrator == "" {
		migrator = app
	}
	return app, migrator, nil
}

// Keys returns the credentials of the outside store.
func (s S3) Keys() (access, secretKey string, err error) {
	if access, err = secret("s3.access_key_file", s.AccessKeyFile, ""); err != nil {
		return "", "", err
	}
	secretKey, err = secret("s3.secret_key_file", s.SecretKeyFile, "")
	return access, secretKey, err
}

// secret reads a file of one line; without a file, it is otherwise.
func secret(key, path, otherwise string) (string, error) {
	if path == "" {
		return otherwise, nil
	}
	b, err := readLimited(path, 64<<10)
	if err != nil {
		return "", &FieldError{Field: key, Problem: fmt.Sprintf("couldn't read it: %v", err)}
	}
	// Only the line's end is no part of it.
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || strings.ContainsAny(s, "\r\n\x00") {
		return "", &FieldError{Field: key, Problem: fmt.Sprintf("%s must hold one line, and nothing else", path)}
	}
	return s, nil
}
