package tsatest

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Handler answers RFC 3161 requests over HTTP at the time that now says (nil:
// the computer's), with these defects.
func (a *Authority) Handler(now func() time.Time, defects ...Defect) http.Handler {
	if now == nil {
		now = time.Now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(io.LimitReader(r.Body, 4096))
		digest, nonce, ok := parseQuery(query)
		if err != nil || !ok || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "no timestamp query", http.StatusBadRequest)
			return
		}
		reply, err := a.Reply(digest, nonce, now().Truncate(time.Millisecond), defects...)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(reply)
	})
}

// parseQuery reads a request for a SHA-256 digest with a nonce.
func parseQuery(b []byte) (digest []byte, nonce *big.Int, ok bool) {
	var s, imprint, algorithm cryptobyte.String
	var version int64
	var id asn1.ObjectIdentifier
	in := cryptobyte.String(b)
	nonce = new(big.Int)
	var certificates bool
	ok = in.ReadASN1(&s, der.SEQUENCE) && in.Empty() && s.ReadASN1Integer(&version) && version == 1 && s.ReadASN1(&imprint, der.SEQUENCE) &&
		imprint.ReadASN1(&algorithm, der.SEQUENCE) && algorithm.ReadASN1ObjectIdentifier(&id) && id.Equal(sha256ID) &&
		imprint.ReadASN1Bytes(&digest, der.OCTET_STRING) && len(digest) == 32 && s.ReadASN1Integer(nonce) && s.ReadASN1Boolean(&certificates) && certificates && s.Empty()
	return digest, nonce, ok
}

// OpenSSL answers with what the program of that name says (openssl ts), which
// has the authority's key and certificate.
func (a *Authority) OpenSSL(tb testing.TB, program string) http.Handler {
	tb.Helper()
	dir := tb.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) {
		if err := os.WriteFile(at(name), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	key, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		tb.Fatal(err)
	}
	write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	write("tsa.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw}))
	write("root.pem", a.PEM())
	write("serial", []byte("01\n"))
	write("ts.cnf", []byte(strings.ReplaceAll(opensslConfig, "DIR", dir)))
	var one sync.Mutex // it keeps its serial number in a file
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		query, err := io.ReadAll(io.LimitReader(r.Body, 4096))
		if err == nil {
			err = os.WriteFile(at("query"), query, 0o600)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var said bytes.Buffer
		cmd := exec.CommandContext(r.Context(), program, "ts", "-reply", "-config", at("ts.cnf"), "-queryfile", at("query"), "-out", at("reply"))
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			http.Error(w, err.Error()+": "+said.String(), http.StatusInternalServerError)
			return
		}
		reply, err := os.ReadFile(at("reply"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(reply)
	})
}

const opensslConfig = `[tsa]
default_tsa = it
[it]
serial = DIR/serial
signer_cert = DIR/tsa.pem
certs = DIR/root.pem
signer_key = DIR/key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
tsa_name = yes
ess_cert_id_alg = sha256
`
