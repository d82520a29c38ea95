package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// issued is a self-signed pair for a name.
func issued(t *testing.T, name string, notAfter time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: notAfter.Add(-48 * time.Hour), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

type files struct{ cert, key string }

func write(t *testing.T, f files, cert, key []byte) {
	t.Helper()
	for path, b := range map[string][]byte{f.cert: cert, f.key: key} {
		if b == nil {
			continue
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func start(t *testing.T) (*Pair, files, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	f := files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	cert, key := issued(t, "first.example", time.Now().Add(time.Hour))
	write(t, f, cert, key)
	var said bytes.Buffer
	p, err := Load(f.cert, f.key, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return p, f, &said
}

func TestReloadTakesWhatFitsAndKeepsTheOldElse(t *testing.T) {
	later := time.Now().Add(time.Hour)
	cert, key := issued(t, "second.example", later)
	foreign, _ := issued(t, "foreign.example", later)
	old, oldKey := issued(t, "expired.example", time.Now().Add(-time.Minute))
	for _, tt := range []struct {
		name      string
		cert, key []byte
		remove    bool
		mode      os.FileMode
		want, say string
	}{
		{name: "a new pair", cert: cert, key: key, want: "second.example", say: "took over"},
		{name: "the certificate before its key", cert: cert, want: "first.example", say: "private key does not match"},
		{name: "the key before its certificate", key: key, want: "first.example", say: "private key does not match"},
		{name: "another's certificate", cert: foreign, key: key, want: "first.example", say: "private key does not match"},
		{name: "half a file", cert: cert[:len(cert)/2], key: key, want: "first.example", say: "unfit"},
		{name: "no certificate in it", cert: []byte("hello\n"), key: key, want: "first.example", say: "unfit"},
		{name: "an expired one", cert: old, key: oldKey, want: "first.example", say: "it expired"},
		{name: "the file gone", remove: true, want: "first.example", say: "no such file"},
		{name: "a key that everybody reads", cert: cert, key: key, mode: 0o644, want: "first.example", say: "everybody may read"},
		{name: "far too large", cert: make([]byte, maxFile+1), want: "first.example", say: "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, f, said := start(t)
			if changed, err := p.Reload(); changed || err != nil {
				t.Fatalf("nothing changed, and Reload says %v, %v", changed, err)
			}
			write(t, f, tt.cert, tt.key)
			if tt.remove {
				if err := os.Remove(f.cert); err != nil {
					t.Fatal(err)
				}
			}
			if tt.mode != 0 {
				if err := os.Chmod(f.key, tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			changed, err := p.Reload()
			if got := p.Names()[0]; got != tt.want || changed != (tt.want == "second.example") || changed != (err == nil) {
				t.Fatalf("serves %s (%v, %v), want %s", got, changed, err, tt.want)
			}
			_, _ = p.Reload() // the same state is not logged again
			if n := strings.Count(said.String(), tt.say); n != 1 || strings.Count(said.String(), "\n") != 1 {
				t.Errorf("the log says %d times %q:\n%s", n, tt.say, said)
			}
			if strings.Contains(said.String(), "PRIVATE") {
				t.Error("the log holds a key")
			}
			// What was unfit does not keep a fit one out.
			write(t, f, cert, key)
			if err := os.Chmod(f.key, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Reload(); err != nil || p.Names()[0] != "second.example" {
				t.Errorf("afterwards a fit pair isn't taken: %v", err)
			}
		})
	}
}

func TestLoadRefusesAPairThatIsNone(t *testing.T) {
	p, f, _ := start(t)
	if err := os.Chmod(f.key, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(f.cert, f.key, nil); err == nil || !strings.Contains(err.Error(), "everybody") {
		t.Errorf("a key that everybody reads: %v", err)
	}
	if _, err := Load(f.cert, f.cert, nil); err == nil {
		t.Error("a certificate was taken for a key")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none"), f.key, nil); err == nil {
		t.Error("a certificate that isn't there was loaded")
	}
	if p.Config().MinVersion != tls.VersionTLS12 {
		t.Error("TLS before 1.2 is spoken")
	}
}

// Handshakes during a change see one pair or the other, never a mixture.
func TestHandshakesDuringReload(t *testing.T) {
	p, f, _ := start(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", p.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).Handshake()
				c.Close()
			}()
		}
	}()
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { p.Watch(ctx, time.Millisecond) })
	defer func() { stop(); watching.Wait() }()
	shows := func() string {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}, NetDialer: &net.Dialer{Timeout: 5 * time.Second}}
		c, err := d.DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := shows(); got != "first.example" {
		t.Fatal(got)
	}
	cert, key := issued(t, "second.example", time.Now().Add(time.Hour))
	write(t, f, cert, key)
	for end := time.Now().Add(10 * time.Second); ; {
		switch got := shows(); {
		case got == "second.example":
			return
		case got != "first.example" || time.Now().After(end):
			t.Fatalf("serves %q", got)
		}
	}
}

// A client of the last century is refused.
func TestOldTLSIsRefused(t *testing.T) {
	p, _, _ := start(t)
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_ = tls.Server(server, p.Config()).Handshake()
		server.Close()
	}()
	err := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
}
