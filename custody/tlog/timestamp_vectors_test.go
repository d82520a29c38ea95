package tlog_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
)

// timestampVector is one timestamp and what a verifier says of it.
type timestampVector struct {
	Name         string   `json:"name"`
	Expect       string   `json:"expect"`       // ok, timestamp or authority
	Time         string   `json:"time"`         // RFC 3339 with the fraction said; of ok
	Accuracy     int64    `json:"accuracy"`     // microseconds; of ok
	Message      string   `json:"message"`      // text
	Timestamp    []byte   `json:"timestamp"`    // as kept
	Certificates [][]byte `json:"certificates"` // DER of the accepted authority's anchors
}

func TestTimestampVectors(t *testing.T) {
	made := append(opensslTimestamps(t), madeTimestamps(t)...)
	for _, v := range sealtest.Vectors(t, "tlog/timestamps.json", made) {
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

func stampFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "timestamp", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stampCertificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(stampFile(t, name))
	if block == nil {
		t.Fatalf("%s is no PEM", name)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// opensslTimestamps are those that openssl made.
func opensslTimestamps(t *testing.T) []timestampVector {
	message := string(stampFile(t, "message"))
	ca, rsa := stampCertificate(t, "ca.pem").Raw, stampCertificate(t, "rsa.pem").Raw
	files, err := filepath.Glob(filepath.Join("..", "testdata", "timestamp", "*-sha*.tsr"))
	if err != nil || len(files) != 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var out []timestampVector
	for _, f := range files {
		said := "2026-11-27T15:30:06Z"
		if strings.Contains(f, "sha512") {
			said = "2026-11-27T15:30:07Z"
		}
		out = append(out, timestampVector{Name: "openssl-" + strings.TrimSuffix(filepath.Base(f), ".tsr"), Expect: "ok", Time: said, Accuracy: 1_500_100,
			Message: message, Timestamp: stampFile(t, filepath.Base(f)), Certificates: [][]byte{ca}})
	}
	bare := timestampVector{Name: "openssl-no-certificate", Expect: "authority", Message: message, Timestamp: stampFile(t, "rsa-nocert.tsr"), Certificates: [][]byte{ca}}
	known := bare
	known.Name, known.Expect, known.Time, known.Accuracy, known.Certificates = "openssl-certificate-in-policy", "ok", "2026-11-27T15:30:07Z", 1_500_100, [][]byte{ca, rsa}
	// By sigstore's timestamp-authority, with an intermediate that the token leaves out.
	var chain [][]byte
	for rest := stampFile(t, "sigstore.pem"); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatal("sigstore.pem is no PEM")
		}
		chain = append(chain, block.Bytes)
	}
	sigstore := timestampVector{Name: "sigstore", Expect: "ok", Time: "2026-11-27T17:36:50Z", Accuracy: 1_000_000, Message: message,
		Timestamp: stampFile(t, "sigstore.tsr"), Certificates: chain}
	return append(out, bare, known, sigstore)
}

// madeTimestamps have one thing wrong each, and are right otherwise.
func madeTimestamps(t *testing.T) []timestampVector {
	tsa := tsatest.New(t, "TSA")
	vector := func(name, expect string, a *tsatest.Authority, message []byte, at time.Time, defects ...tsatest.Defect) timestampVector {
		v := timestampVector{Name: name, Expect: expect, Message: string(stamped), Timestamp: a.Stamp(t, message, at, defects...), Certificates: [][]byte{a.Root.Raw}}
		if expect == "ok" {
			v.Time, v.Accuracy = at.Format(time.RFC3339Nano), 1_000_000
		}
		return v
	}
	use := func(critical bool, purposes ...int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tsatest.Use(t, critical, purposes...)} }
	}
	short := tsatest.New(t, "short", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon, noon.Add(time.Hour) })
	out := []timestampVector{
		vector("ok", "ok", tsa, stamped, noon),
		vector("other-message", "timestamp", tsa, []byte("x"), noon),
		vector("certificate-expired", "authority", short, stamped, noon.Add(2*time.Hour)),
		vector("certificate-not-yet-valid", "authority", short, stamped, noon.Add(-2*time.Hour)),
		vector("certificate-without-use", "authority", tsatest.New(t, "useless", func(c *x509.Certificate) { c.ExtraExtensions = nil }), stamped, noon),
		vector("certificate-use-not-critical", "authority", tsatest.New(t, "lax", use(false, 8)), stamped, noon),
		vector("certificate-of-another-use", "authority", tsatest.New(t, "code", use(true, 3)), stamped, noon),
		vector("certificate-of-two-uses", "authority", tsatest.New(t, "both", use(true, 8, 3)), stamped, noon),
		vector("certificate-not-for-signing", "authority", tsatest.New(t, "agree", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), stamped, noon),
	}
	for _, d := range []struct {
		name   string
		defect tsatest.Defect
	}{
		{"no-signing-certificate-attribute", tsatest.NoSigningAttribute}, {"attribute-of-another-certificate", tsatest.OtherSigningCert},
		{"no-content-type", tsatest.NoContentType}, {"no-message-digest", tsatest.NoMessageDigest}, {"wrong-message-digest", tsatest.WrongMessageDigest},
		{"signed-by-another-key", tsatest.WrongSignature}, {"unsigned-attributes", tsatest.UnsignedAttributes}, {"two-signers", tsatest.TwoSigners},
		{"extension-critical", tsatest.CriticalExtension}, {"bytes-behind", tsatest.TrailingBytes}, {"not-of-time", tsatest.NotTime},
		{"imprint-sha1", tsatest.SHA1Imprint}, {"status-in-words", tsatest.StatusWords}, {"refusal", tsatest.Refusal},
		{"fraction-ends-in-zero", tsatest.TrailingFraction}, {"attributes-out-of-order", tsatest.AttributesUnordered},
	} {
		out = append(out, vector(d.name, "timestamp", tsa, stamped, noon, d.defect))
	}
	foreign := vector("other-root", "authority", tsa, stamped, noon)
	foreign.Certificates = [][]byte{tsatest.New(t, "other").Root.Raw}
	flipped := vector("flipped-in-signature", "timestamp", tsa, stamped, noon)
	flipped.Timestamp[len(flipped.Timestamp)-1] ^= 1
	cut := vector("cut", "timestamp", tsa, stamped, noon)
	cut.Timestamp = cut.Timestamp[:len(cut.Timestamp)-1]
	pinned := vector("certificate-pinned", "ok", tsa, stamped, noon, tsatest.NoCertificate)
	pinned.Certificates = [][]byte{tsa.Certificate.Raw}
	return append(out, foreign, flipped, cut, pinned)
}

// TestOpensslTimestampBits: a flipped bit in what openssl signed is refused,
// and one in a certificate that nobody needed changes nothing of what is said.
func TestOpensslTimestampBits(t *testing.T) {
	message, kept := stampFile(t, "message"), stampFile(t, "ec-sha384.tsr")
	accepted := []tlog.Authority{{Name: "it", Certificates: []*x509.Certificate{stampCertificate(t, "ca.pem")}}}
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
