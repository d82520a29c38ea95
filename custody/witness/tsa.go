package witness

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/evidence-custody/custodyd/custody/tlog"
)

// ErrTimestampReply reports a time-stamping authority's answer that is not one
// of the protocol, or that refuses.
var ErrTimestampReply = errors.New("the time-stamping authority gave no timestamp")

// Bounds of one exchange with a time-stamping authority.
const (
	stampTimeout = 15 * time.Second
	queryType    = "application/timestamp-query"
	replyType    = "application/timestamp-reply"
)

// TSA asks one time-stamping authority (RFC 3161 over HTTP, section 3.4). It is
// safe for concurrent use.
type TSA struct {
	url      string
	accepted tlog.Authority
	http     *http.Client
}

// NewTSA asks the authority at an http or https URL, of whose replies those
// are kept that one of the certificates vouches for. Its name is the URL's
// host and path. transport nil is the default one.
func NewTSA(at string, certificates []*x509.Certificate, transport http.RoundTripper) (*TSA, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("couldn't read time-stamping authority %.200q: not an http or https URL", at)
	}
	name := u.Host + u.Path
	if len(name) > maxAuthorityName {
		return nil, fmt.Errorf("couldn't use time-stamping authority %.200q: its address is too long", at)
	}
	if len(certificates) == 0 {
		return nil, fmt.Errorf("couldn't use time-stamping authority %s: without a certificate of it nothing that it says can be checked", name)
	}
	return &TSA{url: u.String(), accepted: tlog.Authority{Name: name, Certificates: certificates},
		http: &http.Client{Transport: transport, Timeout: stampTimeout,
			// An authority is where it was said to be; a redirected POST would be another request.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

const maxAuthorityName = 253

// ParseCertificates reads PEM certificates, in any order, and nothing else.
func ParseCertificates(file []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(bytes.TrimSpace(rest)) > 0 || len(out) == 0 {
				return nil, errors.New("couldn't read certificates: not PEM blocks CERTIFICATE alone")
			}
			return out, nil
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("couldn't read certificates: there is a PEM block %.40q", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("couldn't read certificate: %w", err)
		}
		out = append(out, c)
	}
}

// Name is the authority's, as metrics and the record call it.
func (t *TSA) Name() string { return t.accepted.Name }

// Authority is what its replies are held to.
func (t *TSA) Authority() tlog.Authority { return t.accepted }

// Stamp has the authority stamp message, of which it learns the SHA-256 alone,
// and returns the timestamp in the form that is kept. What is returned was
// verified: it is of this message, in answer to this request, and by the
// authority. Errors wrap ErrTimestampReply, tlog.ErrTimestamp or
// tlog.ErrAuthority, or are the network's.
func (t *TSA) Stamp(ctx context.Context, message []byte) (kept []byte, said tlog.Timestamp, err error) {
	kept, said, err = t.stamp(ctx, message)
	if err != nil {
		return nil, tlog.Timestamp{}, fmt.Errorf("couldn't have something stamped by %s: %w", t.Name(), err)
	}
	return kept, said, nil
}

func (t *TSA) stamp(ctx context.Context, message []byte) ([]byte, tlog.Timestamp, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, tlog.Timestamp{}, err
	}
	query, err := timestampQuery(message, nonce)
	if err != nil {
		return nil, tlog.Timestamp{}, err
	}
	reply, err := t.post(ctx, query)
	if err != nil {
		return nil, tlog.Timestamp{}, err
	}
	kept, err := tlog.KeptTimestamp(reply)
	if err != nil {
		if errors.Is(err, tlog.ErrTimestamp) {
			return nil, tlog.Timestamp{}, err
		}
		return nil, tlog.Timestamp{}, fmt.Errorf("%w: %w", ErrTimestampReply, err)
	}
	token, err := tlog.ParseTimestamp(kept)
	if err != nil {
		return nil, tlog.Timestamp{}, err
	}
	if token.Nonce == nil || token.Nonce.Cmp(nonce) != 0 {
		return nil, tlog.Timestamp{}, fmt.Errorf("%w: its reply answers another request", ErrTimestampReply)
	}
	said, err := token.Verify(message, []tlog.Authority{t.accepted})
	return kept, said, err
}

// timestampQuery is TimeStampReq (RFC 3161, section 2.4.1): the message's
// SHA-256, and the authority's certificate is asked for.
func timestampQuery(message []byte, nonce *big.Int) ([]byte, error) {
	digest := sha256.Sum256(message)
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1})
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(digest[:])
		})
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true)
	})
	return b.Bytes()
}

func (t *TSA) post(ctx context.Context, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", queryType)
	req.Header.Set("Accept", replyType)
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// Some authorities answer 201.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%w: status %d", ErrTimestampReply, resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != replyType {
		return nil, fmt.Errorf("%w: its answer is not %s", ErrTimestampReply, replyType)
	}
	reply, err := io.ReadAll(io.LimitReader(resp.Body, tlog.MaxTimestamp+1))
	if err == nil && len(reply) > tlog.MaxTimestamp {
		err = fmt.Errorf("%w: over %d bytes", ErrTimestampReply, tlog.MaxTimestamp)
	}
	return reply, err
}
