package tlog_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
)

var stampDir = filepath.Join("..", "testdata", "timestamp")

func TestTimestampVectors(t *testing.T) {
	for _, v := range sealtest.Vectors(t, "tlog/timestamps.json", timestampVectors(t, stampDir)) {
		t.Run(v.Name, func(t *testing.T) {
			a := tlog.Authority{Name: "it"}
			for _, c := range v.Certificates {
				parsed, err := x509.ParseCertificate(c)
				if err != nil {
					t.Fatal(err)
				}
				a.Certificates = append(a.Certificates, parsed)
			}
			got, err := tlog.VerifyTimestamp(v.Timestamp, []byte(v.Message), []tlog.Authority{a})
			switch v.Expect {
			case "ok":
				if err != nil || got.Time.Format(time.RFC3339Nano) != v.Time || got.Accuracy.Microseconds() != v.Accuracy || got.Authority != "it" {
					t.Errorf("%+v, %v", got, err)
				}
			case "timestamp":
				if !errors.Is(err, tlog.ErrTimestamp) || errors.Is(err, tlog.ErrAuthority) {
					t.Error(err)
				}
			case "authority":
				if !errors.Is(err, tlog.ErrAuthority) || errors.Is(err, tlog.ErrTimestamp) {
					t.Error(err)
				}
			default:
				t.Errorf("expects %q", v.Expect)
			}
		})
	}
}

// TestOpensslTimestampBits: a flipped bit in what openssl signed is refused,
// and one in a certificate that nobody needed changes nothing of what is said.
func TestOpensslTimestampBits(t *testing.T) {
	message, kept := stampFile(t, stampDir, "message"), stampFile(t, stampDir, "ec-sha384.tsr")
	accepted := []tlog.Authority{{Name: "it", Certificates: []*x509.Certificate{stampCertificate(t, stampDir, "ca.pem")}}}
	want, err := tlog.VerifyTimestamp(kept, message, accepted)
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for i := range kept {
		kept[i] ^= 1 << (i % 8)
		if got, err := tlog.VerifyTimestamp(kept, message, accepted); err == nil {
			passed++
			if !got.Time.Equal(want.Time) || got.Serial.Cmp(want.Serial) != 0 || !got.Certificate.Equal(want.Certificate) || got.Accuracy != want.Accuracy {
				t.Errorf("byte %d: said %+v", i, got)
			}
		}
		kept[i] ^= 1 << (i % 8)
	}
	if root := len(accepted[0].Certificates[0].Raw); passed > root {
		t.Errorf("%d flips passed, more than the root that came along has bytes (%d)", passed, root)
	}
}

func FuzzTimestamp(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "timestamp", "*.tsr"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds (%v)", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	message, err := os.ReadFile(filepath.Join("..", "testdata", "timestamp", "message"))
	if err != nil {
		f.Fatal(err)
	}
	pemBytes, err := os.ReadFile(filepath.Join("..", "testdata", "timestamp", "ca.pem"))
	if err != nil {
		f.Fatal(err)
	}
	block, _ := pem.Decode(pemBytes)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if kept, err := tlog.KeptTimestamp(b); err == nil {
			if _, err := tlog.ParseTimestamp(kept); err != nil {
				t.Errorf("kept what can't be read: %v", err)
			}
		}
		got, err := tlog.VerifyTimestamp(b, message, []tlog.Authority{{Name: "it", Certificates: []*x509.Certificate{ca}}})
		if err == nil && got.Time.Year() != 2026 {
			t.Errorf("accepted %+v", got)
		}
	})
}
