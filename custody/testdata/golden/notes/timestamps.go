package notes

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TimestampVectors are those that openssl and sigstore made, which are kept as
// files in dir, and made ones.
func TimestampVectors(t testing.TB, dir string) []timestampVector {
	t.Helper()
	return append(opensslTimestamps(t, dir), madeTimestamps(t)...)
}

// StampFile is a file of testdata/timestamp, which is in dir.
func StampFile(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func StampCertificate(t testing.TB, dir, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(StampFile(t, dir, name))
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
func opensslTimestamps(t testing.TB, dir string) []timestampVector {
	message := string(StampFile(t, dir, "message"))
	ca, rsa := StampCertificate(t, dir, "ca.pem").Raw, StampCertificate(t, dir, "rsa.pem").Raw
	files, err := filepath.Glob(filepath.Join(dir, "*-sha*.tsr"))
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
			Message: message, Timestamp: StampFile(t, dir, filepath.Base(f)), Certificates: [][]byte{ca}})
	}
	bare := timestampVector{Name: "openssl-no-certificate", Expect: "authority", Message: message, Timestamp: StampFile(t, dir, "rsa-nocert.tsr"), Certificates: [][]byte{ca}}
	known := bare
	known.Name, known.Expect, known.Time, known.Accuracy, known.Certificates = "openssl-certificate-in-policy", "ok", "2026-11-27T15:30:07Z", 1_500_100, [][]byte{ca, rsa}
	// By sigstore's timestamp-authority, with an intermediate that the token leaves out.
	var chain [][]byte
	for rest := StampFile(t, dir, "sigstore.pem"); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatal("sigstore.pem is no PEM")
		}
		chain = append(chain, block.Bytes)
	}
	sigstore := timestampVector{Name: "sigstore", Expect: "ok", Time: "2026-11-27T17:36:50Z", Accuracy: 1_000_000, Message: message,
		Timestamp: StampFile(t, dir, "sigstore.tsr"), Certificates: chain}
	return append(out, bare, known, sigstore)
}

// madeTimestamps have one thing wrong each, and are right otherwise.
func madeTimestamps(t testing.TB) []timestampVector {
	tsa := tsatest.New(t, "TSA")
	vector := func(name, expect string, a *tsatest.Authority, message []byte, at time.Time, defects ...tsatest.Defect) timestampVector {
		v := timestampVector{Name: name, Expect: expect, Message: string(Stamped), Timestamp: a.Stamp(t, message, at, defects...), Certificates: [][]byte{a.Root.Raw}}
		if expect == "ok" {
			v.Time, v.Accuracy = at.Format(time.RFC3339Nano), 1_000_000
		}
		return v
	}
	use := func(critical bool, purposes ...int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tsatest.Use(t, critical, purposes...)} }
	}
	short := tsatest.New(t, "short", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = Noon, Noon.Add(time.Hour) })
	out := []timestampVector{
		vector("ok", "ok", tsa, Stamped, Noon),
		vector("other-message", "timestamp", tsa, []byte("x"), Noon),
		vector("certificate-expired", "authority", short, Stamped, Noon.Add(2*time.Hour)),
		vector("certificate-not-yet-valid", "authority", short, Stamped, Noon.Add(-2*time.Hour)),
		vector("certificate-without-use", "authority", tsatest.New(t, "useless", func(c *x509.Certificate) { c.ExtraExtensions = nil }), Stamped, Noon),
		vector("certificate-use-not-critical", "authority", tsatest.New(t, "lax", use(false, 8)), Stamped, Noon),
		vector("certificate-of-another-use", "authority", tsatest.New(t, "code", use(true, 3)), Stamped, Noon),
		vector("certificate-of-two-uses", "authority", tsatest.New(t, "both", use(true, 8, 3)), Stamped, Noon),
		vector("certificate-not-for-signing", "authority", tsatest.New(t, "agree", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), Stamped, Noon),
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
		out = append(out, vector(d.name, "timestamp", tsa, Stamped, Noon, d.defect))
	}
	foreign := vector("other-root", "authority", tsa, Stamped, Noon)
	foreign.Certificates = [][]byte{tsatest.New(t, "other").Root.Raw}
	flipped := vector("flipped-in-signature", "timestamp", tsa, Stamped, Noon)
	flipped.Timestamp[len(flipped.Timestamp)-1] ^= 1
	cut := vector("cut", "timestamp", tsa, Stamped, Noon)
	cut.Timestamp = cut.Timestamp[:len(cut.Timestamp)-1]
	pinned := vector("certificate-pinned", "ok", tsa, Stamped, Noon, tsatest.NoCertificate)
	pinned.Certificates = [][]byte{tsa.Certificate.Raw}
	return append(out, foreign, flipped, cut, pinned)
}

var Stamped = []byte("log.example\n7\nMSdH9pvPKQ9mjlr7nZwKhmuThGV3eTVDqAsPZHRITzg=\n")

var Noon = time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)
