package hostile

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestDeclaredOtherwise: a hash of the imager's log that the bytes don't have
// is refused and recorded, with both values.
func TestDeclaredOtherwise(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	item := c.Investigator.Register(t, kase)
	other := evidence.Sum([]byte("other bytes"))
	for name, declared := range map[string]custody.Declared{
		"sha256": {SHA256: &other},
		"sha1":   {SHA1: strings.Repeat("ab", 20)},
		"md5":    {MD5: strings.Repeat("cd", 16)},
	} {
		path := stage.File(t, 100_000)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s1, m5 := sha1.Sum(b), md5.Sum(b)
		received := map[string]string{"sha256": evidence.Sum(b).String(), "sha1": hex.EncodeToString(s1[:]), "md5": hex.EncodeToString(m5[:])}[name]
		stated := map[string]string{"sha256": other.String(), "sha1": declared.SHA1, "md5": declared.MD5}[name]
		before := size(t)
		_, err = c.Investigator.Desk.Deposit(stage.Context(t), desk.Depositing{Path: path, Case: kase, Parent: &item, Role: custody.RoleMaster, Declared: declared})
		var no *desk.Answer
		if !errors.As(err, &no) || no.Status != 422 || no.Code != desk.CodeMismatch || no.Recorded.IsZero() || len(no.Differences) != 1 ||
			no.Differences[0] != (desk.Difference{Name: name, Declared: stated, Received: received}) {
			t.Fatalf("%s: the answer is %v", name, err)
		}
		if after := size(t); after != before+1 {
			t.Errorf("%s: the log grew by %d, not by the refusal alone", name, after-before)
		}
		v, err := c.Investigator.Desk.VerifyItems(stage.Context(t), item)
		if err != nil {
			t.Fatal(err)
		}
		var found bool
		for _, e := range v.Readings[0].Events {
			if b, ok := e.Body().(*custody.DepositRefused); ok && e.ID == no.Recorded {
				found = true
				text := fmt.Sprintf("%+v", *b)
				if !strings.Contains(text, received) && b.Received.SHA256.String() != received || b.Declared.SHA256.String() != stated && b.Declared.SHA1 != stated && b.Declared.MD5 != stated || b.About != item {
					t.Errorf("%s: recorded is %s", name, text)
				}
			}
		}
		if !found {
			t.Errorf("%s: the refusal is not in the item's verified dossier", name)
		}
	}
	items, err := c.Investigator.Desk.Service.Items(stage.Context(t), kase)
	if err != nil || len(items) != 1 {
		t.Errorf("the case has %d items, and should have the exhibit alone (%v)", len(items), err)
	}
}

// upload begins one of two parts.
func upload(t *testing.T, c *stage.Cast, size int64) (*client.Client, wire.Upload, evidence.Digest) {
	t.Helper()
	kase := c.Investigator.OpenCase(t)
	api := c.Investigator.Client(t, c.URL)
	u, err := api.BeginUpload(stage.Context(t), kase, nil, size, "exhibit.dd")
	if err != nil {
		t.Fatal(err)
	}
	id, err := evidence.ParseDigest(u.Id)
	if err != nil {
		t.Fatal(err)
	}
	return api, u, id
}

func random(t *testing.T, n int64) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// put sends a part by hand: body, digest and length need not fit.
func put(t *testing.T, bearer, url string, digest string, body []byte) (int, wire.Problem) {
	t.Helper()
	req, err := http.NewRequestWithContext(stage.Context(t), http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if digest != "" {
		req.Header.Set("Content-Digest", digest)
	}
	return do(t, bearer, req)
}

func contentDigest(b []byte) string {
	sum := evidence.Sum(b)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func blocksDigest(b []byte) string {
	root := evidence.BlockRoot(evidence.BlockLeaves(b))
	return "custody-blocks=:" + base64.StdEncoding.EncodeToString(root[:]) + ":"
}

// TestParts spoils parts in every way; none of it counts, and the deposit goes
// on as if nothing had been.
func TestParts(t *testing.T) {
	c := house(t)
	const last = 1000
	api, u, id := upload(t, c, 16<<20+last)
	if u.Parts != 2 || u.PartSize != 16<<20 {
		t.Fatalf("the session has %d parts of %d", u.Parts, u.PartSize)
	}
	bearer := c.Investigator.Bearer(t, c.URL)
	first, second := random(t, u.PartSize), random(t, last)
	base := c.URL + "/v1/uploads/" + u.Id + "/parts/"
	spoilt := bytes.Clone(first)
	spoilt[12345678] ^= 4
	held := func(n int) {
		t.Helper()
		now, err := api.Upload(stage.Context(t), id)
		if err != nil || len(now.Received) != n {
			t.Fatalf("the service holds parts %v, and should hold %d (%v)", now.Received, n, err)
		}
	}
	for name, tt := range map[string]struct {
		part   string
		digest string
		body   []byte
		status int
		code   string
	}{
		"one bit changed on the way":   {"1", contentDigest(first), spoilt, 422, "digest-mismatch"},
		"no digest":                    {"1", "", first, 400, "malformed"},
		"another root over its blocks": {"1", blocksDigest(second), first, 422, "digest-mismatch"},
		"right root, wrong SHA-256":    {"1", blocksDigest(first) + ", " + contentDigest(second), first, 422, "digest-mismatch"},
		"an MD5":                       {"1", "md5=:CY9rzUYh03PK3k6DJie09g==:", first, 400, "malformed"},
		"too short":                    {"1", contentDigest(first[:100]), first[:100], 400, "malformed"},
		"too long":                     {"2", contentDigest(first), first, 400, "malformed"},
		"no such part":                 {"3", contentDigest(second), second, 400, "malformed"},
		"part 0":                       {"0", contentDigest(first), first, 400, "malformed"},
		"empty":                        {"1", contentDigest(nil), nil, 400, "malformed"},
	} {
		status, p := put(t, bearer, base+tt.part, tt.digest, tt.body)
		if status != tt.status || p.Code != tt.code {
			t.Errorf("%s: the answer is %d %+v; wanted was %d %s", name, status, p, tt.status, tt.code)
		}
	}
	held(0)
	cut(t, c, bearer, base+"1", first)
	held(0)
	if _, err := api.PutPart(stage.Context(t), id, 1, section(first)); err != nil {
		t.Fatal(err)
	}
	if _, err := api.PutPart(stage.Context(t), id, 1, section(first)); err != nil {
		t.Errorf("the same part again: %v", err)
	}
	_, err := api.PutPart(stage.Context(t), id, 1, section(spoilt))
	refused(t, err, 409, "part-conflict", "")
	held(1)
	// Another person's session does not exist.
	_, err = c.Analyst.Client(t, c.URL).PutPart(stage.Context(t), id, 2, section(second))
	refused(t, err, 404, "not-found", "")
	if _, err := api.PutPart(stage.Context(t), id, 2, section(second)); err != nil {
		t.Fatal(err)
	}
	held(2)
}

// cut breaks the connection in the middle of a part.
func cut(t *testing.T, c *stage.Cast, bearer, url string, part []byte) {
	t.Helper()
	host := strings.TrimPrefix(c.URL, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Digest: %s\r\nContent-Length: %d\r\n\r\n",
		strings.TrimPrefix(url, c.URL), host, bearer, contentDigest(part), len(part))
	if _, err := conn.Write(part[:len(part)/2]); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) || !bytes.Contains(answer, []byte("truncated")) {
		t.Errorf("a part cut short is answered: %s", answer)
	}
}

// TestSizes: an empty image, one that is too large, and a deposit finished too early.
func TestSizes(t *testing.T) {
	c := house(t)
	api, _, id := upload(t, c, 20<<20)
	kase := c.Investigator.OpenCase(t)
	nothing(t, func() {
		bearer := c.Investigator.Bearer(t, c.URL)
		for name, tt := range map[string]struct {
			size   string
			status int
			code   string
		}{
			"empty": {"0", 422, "rule-refused"}, "negative": {"-1", 400, "malformed"}, "over the service's limit": {fmt.Sprint(maxArtifact + 1), 413, "too-large"},
			"over all limits": {"9223372036854775807", 400, "malformed"}, "not a number": {`"x"`, 400, "malformed"}, "a fraction": {"1.5", 400, "malformed"},
		} {
			status, p := post(t, bearer, "/v1/uploads", fmt.Appendf(nil, `{"case":"%s","size":%s}`, kase, tt.size))
			if status != tt.status || p.Code != tt.code {
				t.Errorf("%s: the answer is %d %+v; wanted was %d %s", name, status, p, tt.status, tt.code)
			}
			if name == "empty" && p.Rule != "artifact.empty" {
				t.Errorf("the rule is %q", p.Rule)
			}
		}
		if _, err := c.Investigator.Desk.Deposit(stage.Context(t), desk.Depositing{Path: stage.Write(t, "empty.dd", nil), Case: kase}); err == nil || !strings.Contains(err.Error(), "artifact.empty") {
			t.Errorf("the desk takes an empty image: %v", err)
		}
		doc, item := stage.Founding(t, custody.DocItem, map[string]string{"exhibit": "1"})
		u, err := api.Upload(stage.Context(t), id)
		if err != nil {
			t.Fatal(err)
		}
		sum := evidence.Sum([]byte("x"))
		ofCase, err := evidence.ParseDigest(u.Case)
		if err != nil {
			t.Fatal(err)
		}
		st := stage.Draft(t, c.Investigator, &custody.Deposited{Artifact: custody.Artifact{BlockRoot: sum, SHA256: sum, Size: 20 << 20}, Case: ofCase, Item: item, Format: custody.FormatRaw, Role: custody.RoleMaster})
		s := client.Submission{Envelope: stage.Seal(t, c.Investigator.Desk.Key, st).JSON(), Documents: [][]byte{doc}}
		_, _, err = api.FinishUpload(stage.Context(t), id, s)
		refused(t, err, 409, "upload-incomplete", "")
		_, _, err = api.AppendEvent(stage.Context(t), s)
		refused(t, err, 422, "rule-refused", "artifact.not-uploaded")
	})
}

// TestOversize sends requests over the limits.
func TestOversize(t *testing.T) {
	c := house(t)
	bearer := c.Investigator.Bearer(t, c.URL)
	nothing(t, func() {
		for path, n := range map[string]int{"/v1/events": 2 << 20, "/v1/uploads": 100 << 10, "/v1/reports": 100 << 10, "/v1/invitations": 100 << 10} {
			status, p := post(t, bearer, path, []byte(`{"case":"`+strings.Repeat("a", n)+`"}`))
			if status != 413 || p.Code != "too-large" {
				t.Errorf("%s of %d bytes: %d %+v", path, n, status, p)
			}
		}
	})
}

// TestDuplicate deposits the same bytes again: within the caller's cases it is
// told where they are; another agency learns nothing.
func TestDuplicate(t *testing.T) {
	c := house(t)
	path := stage.File(t, 300_000)
	kase := c.Investigator.OpenCase(t)
	first := c.Investigator.Deposit(t, kase, nil, path)
	other := c.Investigator.OpenCase(t)
	for _, where := range []evidence.Digest{kase, other} {
		nothing(t, func() {
			_, err := c.Investigator.Desk.Deposit(stage.Context(t), desk.Depositing{Path: path, Case: where, Role: custody.RoleMaster})
			var no *desk.Answer
			if !errors.As(err, &no) || no.Status != 409 || no.Code != "artifact-exists" || no.Existing != first.Item {
				t.Errorf("the same bytes again: %v", err)
			}
		})
	}
	foreign := c.Organisation(t, "Another Agency", custody.OrgAgency)
	officer := c.Enrol(t, foreign, "Foreign Officer", custody.RightInvestigate, custody.RightHold)
	c.Trust(t, officer)
	theirs := officer.OpenCase(t)
	second := officer.Deposit(t, theirs, nil, path)
	if second.Item == first.Item || second.Artifact != first.Artifact {
		t.Errorf("the other agency's deposit is item %s of %+v", second.Item, second.Artifact)
	}
}
