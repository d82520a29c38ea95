// Package certificate is the service's TLS certificate, which others renew by
// replacing its files while the service runs.
package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Interval is how often the files are looked at. Their content is compared,
// not their time: a link that was turned elsewhere is seen, too.
const Interval = 10 * time.Second

const maxFile = 1 << 20 // bytes

// Pair is a certificate and its key. It is safe for concurrent use.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	current atomic.Pointer[loaded]
	refused content // what was refused last, so that it is logged once
}

type content [sha256.Size]byte

type loaded struct {
	of   content
	cert *tls.Certificate
}

// Load reads both files. A pair that has expired is taken, and said: the
// service stays up for those who accept it, which a refusal would help nobody.
func Load(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	got, err := p.read()
	if err != nil {
		return nil, fmt.Errorf("couldn't use the TLS certificate %s with the key %s: %w", certFile, keyFile, err)
	}
	p.current.Store(&got)
	if !p.now().Before(p.NotAfter()) {
		p.log.Warn("the TLS certificate has expired; clients will refuse it", "file", certFile, "expired", p.NotAfter())
	}
	return p, nil
}

// read makes a pair of the files as they are now: both, or an error.
func (p *Pair) read() (loaded, error) {
	cert, err := readFile(p.certFile)
	if err != nil {
		return loaded{}, err
	}
	info, err := os.Stat(p.keyFile)
	if err != nil {
		return loaded{}, err
	}
	// A group may read it: those who renew certificates hand keys over so.
	if info.Mode().Perm()&0o007 != 0 {
		return loaded{}, fmt.Errorf("everybody may read the key %s; chmod o= it, and have another certificate made", p.keyFile)
	}
	key, err := readFile(p.keyFile)
	if err != nil {
		return loaded{}, err
	}
	got := loaded{of: digest(cert, key)}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return got, err
	}
	got.cert = &pair
	return got, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return b, err
}

func digest(cert, key []byte) content {
	c, k := sha256.Sum256(cert), sha256.Sum256(key)
	return sha256.Sum256(append(c[:], k[:]...))
}

// Reload takes the files over if they changed and are fit to be. What is not
// (a key of another certificate, half a file, an expired one) leaves the pair as
// it is; changed files are often seen before the second one is written.
func (p *Pair) Reload() (changed bool, err error) {
	now := p.current.Load()
	got, err := p.read()
	if err == nil && got.of == now.of {
		p.refused = content{}
		return false, nil
	}
	if err == nil && !p.now().Before(got.cert.Leaf.NotAfter) {
		err = fmt.Errorf("it expired %s", got.cert.Leaf.NotAfter.Format(time.RFC3339))
	}
	if err != nil {
		if got.of == (content{}) { // not even read: told apart by its words
			got.of = sha256.Sum256([]byte(err.Error()))
		}
		if got.of != p.refused {
			p.refused = got.of
			p.log.Error("kept the old TLS certificate, since the new one is unfit", "file", p.certFile, "error", err, "expires", p.NotAfter())
		}
		return false, err
	}
	p.refused = content{}
	p.current.Store(&got)
	p.log.Info("took over a new TLS certificate", "file", p.certFile, "expires", p.NotAfter())
	return true, nil
}

// Watch reloads every so often until ctx ends. Only one Watch or Reload may run
// at a time.
func (p *Pair) Watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = p.Reload() // logged by itself
		}
	}
}

// NotAfter is when the certificate expires.
func (p *Pair) NotAfter() time.Time { return p.current.Load().cert.Leaf.NotAfter }

// Names is whom the certificate stands for.
func (p *Pair) Names() []string {
	leaf := p.current.Load().cert.Leaf
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// Config is the server's: TLS 1.2 and newer with Go's choice of ciphers, and
// HTTP/2 where the client speaks it. Each handshake uses the newest pair whole.
func (p *Pair) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if l := p.current.Load(); l != nil {
				return l.cert, nil
			}
			return nil, errors.New("there is no certificate")
		},
	}
}

// Leaf is the certificate itself.
func (p *Pair) Leaf() *x509.Certificate { return p.current.Load().cert.Leaf }
