package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func outside(c *Config) {
	c.S3 = S3{Endpoint: "s3.example.org", Bucket: "evidence", AccessKeyFile: "/a", SecretKeyFile: "/s", TLS: true,
		RetentionMode: "COMPLIANCE", RetentionPeriod: Duration(24 * time.Hour)}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c *Config)
		fields string // that are refused
		say    string
	}{
		{"default", func(*Config) {}, "", ""},
		{"any free port", func(c *Config) { c.Listen = "[::1]:0" }, "", ""},
		{"localhost", func(c *Config) { c.Listen = "localhost:8440" }, "", ""},
		{"no port", func(c *Config) { c.Listen = "127.0.0.1" }, "listen", "host:port"},
		{"port out of range", func(c *Config) { c.Listen = "127.0.0.1:70000" }, "listen", "65535"},
		{"all addresses", func(c *Config) { c.Listen = ":8440" }, "listen", "unsafe_plain_http"},
		{"outside address", func(c *Config) { c.Listen = "192.0.2.1:8440" }, "listen", "TLS"},
		{"looks like loopback", func(c *Config) { c.Listen = "127.0.0.1.example.org:8440" }, "listen", "unsafe_plain_http"},
		{"outside address, said so", func(c *Config) { c.Listen, c.UnsafePlainHTTP = "0.0.0.0:8440", true }, "", ""},
		{"outside address with TLS", func(c *Config) { c.Listen, c.TLSCertFile, c.TLSKeyFile = "0.0.0.0:8440", "/c", "/k" }, "", ""},
		{"TLS without a key", func(c *Config) { c.TLSCertFile = "/c" }, "tls_key_file", "needs both"},
		{"TLS without a certificate", func(c *Config) { c.Listen, c.TLSKeyFile = "0.0.0.0:8440", "/k" }, "tls_cert_file", "needs both"},
		{"metrics here", func(c *Config) { c.MetricsListen = "127.0.0.1:9440" }, "", ""},
		{"metrics for a network that is named", func(c *Config) { c.MetricsListen = "192.0.2.1:9440" }, "", ""},
		{"metrics for all networks, unsaid", func(c *Config) { c.MetricsListen = ":9440" }, "metrics_listen", "names no host"},
		{"metrics without a port", func(c *Config) { c.MetricsListen = "localhost" }, "metrics_listen", "host:port"},
		{"metrics where the API is", func(c *Config) { c.MetricsListen = c.Listen }, "metrics_listen", "of their own"},
		{"log format", func(c *Config) { c.LogFormat = "xml" }, "log_format", "json"},
		{"log level", func(c *Config) { c.LogLevel = "all" }, "log_level", "debug"},
		{"stops at once", func(c *Config) { c.DrainTime = 0 }, "drain_time", "between"},
		{"never stops", func(c *Config) { c.DrainTime = Duration(2 * time.Hour) }, "drain_time", "1h"},
		{"mode", func(c *Config) { c.Mode = "prod" }, "mode", "production"},
		{"origin", func(c *Config) { c.Origin = "custody.example.org" }, "", ""},
		{"origin with a scheme", func(c *Config) { c.Origin = "https://custody.example.org" }, "origin", "host name"},
		{"origin with a line break", func(c *Config) { c.Origin = "a.example\nb" }, "origin", "host name"},
		{"database", func(c *Config) { c.DatabaseURL = "postgres://custody_app@db/custody?sslmode=verify-full" }, "", ""},
		{"database twice", func(c *Config) { c.DatabaseURL, c.DatabaseURLFile = "host=db", "/f" }, "database_url", "one of the two"},
		{"password in a URL", func(c *Config) { c.DatabaseURL = "postgres://a:hunter2@db/custody" }, "database_url", "database_url_file"},
		{"password in a URL's query", func(c *Config) { c.DatabaseURL = "postgres://db/custody?password=hunter2" }, "database_url", "password"},
		{"password in pairs", func(c *Config) { c.DatabaseURL = "host=db password = hunter2" }, "database_url", "password"},
		{"unreadable URL", func(c *Config) { c.DatabaseURL = "postgres://a:hunter2%zz@db" }, "database_url", "password"},
		{"migrator's password", func(c *Config) { c.DatabaseURL, c.DatabaseMigratorURL = "host=db", "host=db Password=hunter2" }, "database_migrator_url", "database_migrator_url_file"},
		{"migrator alone", func(c *Config) { c.DatabaseMigratorURLFile = "/f" }, "database_migrator_url", "without database_url"},
		{"database and pg_bindir", func(c *Config) { c.DatabaseURL, c.PGBinDir = "host=db", "/usr/lib/postgresql/15/bin" }, "pg_bindir", "private"},
		{"store", outside, "", ""},
		{"store without anything", func(c *Config) { c.S3 = S3{Endpoint: "s3.example.org", TLS: true} },
			"s3.bucket s3.access_key_file s3.secret_key_file s3.retention_mode s3.retention_period", "3650d"},
		{"keys without a store", func(c *Config) { c.S3.AccessKeyFile = "/a" }, "s3.access_key_file", "without s3.endpoint"},
		{"retention of the private store", func(c *Config) { c.S3.RetentionMode, c.S3.RetentionPeriod = "GOVERNANCE", Duration(48*time.Hour) }, "", ""},
		{"retention mode", func(c *Config) { c.S3.RetentionMode = "compliance" }, "s3.retention_mode", "COMPLIANCE"},
		{"retention too short", func(c *Config) { c.S3.RetentionPeriod = Duration(time.Hour) }, "s3.retention_period", "day"},
		{"endpoint with a scheme", func(c *Config) { outside(c); c.S3.Endpoint = "https://s3.example.org" }, "s3.endpoint", "scheme"},
		{"endpoint with credentials", func(c *Config) { outside(c); c.S3.Endpoint = "a:b@s3.example.org" }, "s3.endpoint", "host"},
		{"plain store elsewhere", func(c *Config) { outside(c); c.S3.TLS = false }, "s3.tls", "s3.unsafe_plain_http"},
		{"plain store elsewhere, said so", func(c *Config) { outside(c); c.S3.TLS, c.S3.UnsafePlainHTTP = false, true }, "", ""},
		{"plain store here", func(c *Config) { outside(c); c.S3.TLS, c.S3.Endpoint = false, "127.0.0.1:9000" }, "", ""},
		{"bucket", func(c *Config) { outside(c); c.S3.Bucket = "Evidence/2026" }, "s3.bucket", "small letters"},
		{"part too small", func(c *Config) { c.Limits.MaxPart = 1 << 20 }, "limits.max_part", "between 5MiB and 5GiB"},
		{"submission too large", func(c *Config) { c.Limits.MaxSubmission = 1 << 30 }, "limits.max_submission", "64MiB"},
		{"token lives too long", func(c *Config) { c.TokenLife = Duration(48 * time.Hour) }, "token_life", "between 1m0s and 1d"},
		{"invitation at once over", func(c *Config) { c.InvitationLife = 0 }, "invitation_life", "between"},
		{"several at once", func(c *Config) { c.Mode, c.Origin = "", "X" }, "origin mode", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Default()
			tt.change(&c)
			err := c.Validate()
			var got []string
			if err != nil {
				for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
					var fe *FieldError
					if !errors.As(e, &fe) {
						t.Fatalf("%v names no field", e)
					}
					got = append(got, fe.Field)
					if !strings.Contains(e.Error(), fe.Field) || !strings.Contains(e.Error(), envName(fe.Field)) {
						t.Errorf("%v doesn't say where it is set", e)
					}
				}
				if !strings.Contains(err.Error(), tt.say) {
					t.Errorf("%v doesn't say %q", err, tt.say)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error tells the password: %v", err)
				}
			}
			if strings.Join(got, " ") != tt.fields {
				t.Errorf("refused %v, want %q: %v", got, tt.fields, err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "listen: 127.0.0.1:0\n", "s3:\n  tls: false\n  retention_period: 1d\n", "limits: {max_part: 5MiB}", "a: &a [*a]", "? {}\n: x", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Default()
		if c.parse(b) != nil {
			return
		}
		_ = c.Validate()
		for _, v := range fields(&c) {
			// What was read can be written and read again.
			if d, ok := v.value.Interface().(Duration); ok {
				var back Duration
				if err := back.UnmarshalText([]byte(d.String())); err != nil || back != d {
					t.Fatalf("%s: %v, %v", d, back, err)
				}
			}
			if s, ok := v.value.Interface().(Size); ok {
				var back Size
				if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
					t.Fatalf("%s: %v, %v", s, back, err)
				}
			}
		}
	})
}
