package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

const goodPolicy = `{"format":"custody-policy/v1",
  "logs":[{"id":"` + id64 + `","origin":"log.example.org"}],
  "organisations":[{"id":"` + id64 + `","name":"Agency"}],
  "quorum":0}`

// anchor is somebody's certificate, as openssl made it.
const anchor = `MIIBfzCCASWgAwIBAgIUBGtTiQJnVRka3FGsDBLiUre45/YwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyNzE1NDAyNFoYDzIxMjYxMTAzMTU0MDI0WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ/FJosVinBX4YQeGN2hzzHN1XtKgwv3Lnn6n1GQ3+31uGUkCNPEffc4l8El7E16j9tKj7H6aNh7jbloVUP7r3Wo1MwUTAdBgNVHQ4EFgQUqhrsHvaV1sTMg1E47qAQ9q2A75UwHwYDVR0jBBgwFoAUqhrsHvaV1sTMg1E47qAQ9q2A75UwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAsEpOyIBPdZnifSv8fZ5KKKNKMPY9TYxbmjBFnCXcRkcCIBWzjtoFMN3rGjcfn06qdzzNyIyBRAQdlgWWCU/rI/1w`

const id64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParsePolicy(t *testing.T) {
	p, err := verify.ParsePolicy([]byte(goodPolicy))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.ParsePolicy(raw); err != nil {
		t.Error(err)
	}
	full := strings.NewReplacer(`"origin":"log.example.org"`, `"origin":"log.example.org","recoveries":["`+id64+`"]`,
		`"name":"Agency"`, `"name":"Agency","oldestStatus":"2026-03-01T00:00:00+05:00"`,
		`"quorum":0`, `"timestampAuthorities":[{"name":"authority","certificates":["`+anchor+`"]}],"algorithms":[{"algorithm":"ecdsa-p256-sha256","until":"2035-01-01T00:00:00Z"}],"quorum":0`).Replace(goodPolicy)
	if p, err = verify.ParsePolicy([]byte(full)); err != nil {
		t.Fatal(err)
	}
	if raw, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := verify.ParsePolicy(raw); err != nil {
		t.Error(err)
	}
	witness := verifytest.NewWitness("w.example.org").VerifierKey()
	if _, err := verify.ParsePolicy([]byte(strings.Replace(goodPolicy, `"quorum":0`, `"witnesses":[{"key":"`+witness+`"}],"quorum":1`, 1))); err != nil {
		t.Error(err)
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"another format":       {"policy/v1", "policy/v2"},
		"no format":            {`"format":"custody-policy/v1",`, ``},
		"unknown member":       {`"quorum":0`, `"quorum":0,"trust":"all"`},
		"member twice":         {`"quorum":0`, `"quorum":1,"quorum":0`},
		"member in other case": {`"quorum":0`, `"Quorum":0`},
		"both cases":           {`"quorum":0`, `"quorum":1,"QUORUM":0`},
		"quorum not written": {`,
  "quorum":0`, ``},
		"log twice":              {`"origin":"log.example.org"}`, `"origin":"log.example.org"},{"id":"` + id64 + `","origin":"b.example.org"}`},
		"recovery twice":         {`"origin":"log.example.org"`, `"origin":"log.example.org","recoveries":["` + id64 + `","` + id64 + `"]`},
		"authority unnamed":      {`"quorum":0`, `"timestampAuthorities":[{"name":"","certificates":["` + anchor + `"]}],"quorum":0`},
		"authority twice":        {`"quorum":0`, `"timestampAuthorities":[{"name":"a","certificates":["` + anchor + `"]},{"name":"a","certificates":["` + anchor + `"]}],"quorum":0`},
		"no certificate":         {`"quorum":0`, `"timestampAuthorities":[{"name":"a","certificates":[]}],"quorum":0`},
		"not a certificate":      {`"quorum":0`, `"timestampAuthorities":[{"name":"a","certificates":["AAAA"]}],"quorum":0`},
		"unknown algorithm":      {`"quorum":0`, `"algorithms":[{"algorithm":"rsa","until":"2030-01-01T00:00:00Z"}],"quorum":0`},
		"algorithm twice":        {`"quorum":0`, `"algorithms":[{"algorithm":"ed25519","until":"2030-01-01T00:00:00Z"},{"algorithm":"ed25519","until":"2031-01-01T00:00:00Z"}],"quorum":0`},
		"algorithm undated":      {`"quorum":0`, `"algorithms":[{"algorithm":"ed25519"}],"quorum":0`},
		"date of another form":   {`"quorum":0`, `"algorithms":[{"algorithm":"ed25519","until":"2030-01-01"}],"quorum":0`},
		"status of another form": {`"name":"Agency"`, `"name":"Agency","oldestStatus":"yesterday"`},
		"null for a list":        {`"quorum":0`, `"witnesses":null,"quorum":0`},
		"quorum null":            {`"quorum":0`, `"quorum":null`},
		"quorum negative":        {`"quorum":0`, `"quorum":-1`},
		"quorum of nobody":       {`"quorum":0`, `"quorum":1`},
		"quorum half":            {`"quorum":0`, `"quorum":0.5`},
		"witness key":            {`"quorum":0`, `"witnesses":[{"key":"w+00000000+AAAA"}],"quorum":1`},
		"no log":                 {`{"id":"` + id64 + `","origin":"log.example.org"}`, ``},
		"no organisation":        {`{"id":"` + id64 + `","name":"Agency"}`, ``},
		"organisation twice":     {`"name":"Agency"}`, `"name":"Agency"},{"id":"` + id64 + `","name":"Agency 2"}`},
		"organisation unnamed":   {`"name":"Agency"`, `"name":""`},
		"name that turns round":  {`"name":"Agency"`, `"name":"\u202eycnegA"`},
		"id in capitals":         {id64, strings.ToUpper(id64)},
		"id too short":           {id64, id64[:62]},
		"trailing brace":         {`"quorum":0}`, `"quorum":0}}`},
		"trailing bracket":       {`"quorum":0}`, `"quorum":0}]`},
		"trailing object":        {`"quorum":0}`, `"quorum":0}{}`},
		"deep":                   {`[{"id":"` + id64 + `","origin":"log.example.org"}]`, strings.Repeat("[", 100000) + strings.Repeat("]", 100000)},
		"cut":                    {`"quorum":0}`, `"quorum":0`},
		"empty":                  {goodPolicy, ``},
		"null":                   {goodPolicy, `null`},
		"too large":              {goodPolicy, goodPolicy + strings.Repeat(" ", 5<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(goodPolicy, change[0], change[1], 1)
			if bad == goodPolicy {
				t.Fatal("the change changed nothing")
			}
			if p, err := verify.ParsePolicy([]byte(bad)); err == nil {
				t.Errorf("taken: %+v", p)
			}
		})
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(goodPolicy))
	f.Add([]byte(strings.Replace(goodPolicy, `"quorum":0`, `"witnesses":[{"key":"`+verifytest.NewWitness("w").VerifierKey()+`"}],"quorum":1`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := verify.ParsePolicy(b)
		if err != nil {
			return
		}
		raw, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := verify.ParsePolicy(raw)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(raw, twice) {
			t.Errorf("one policy, two files: %v", err)
		}
	})
}

func TestAPolicyMadeByHandIsCheckedToo(t *testing.T) {
	c := sit(t)
	for name, p := range map[string]*verify.Policy{"empty": {}, "no quorum": {Format: verify.PolicyFormat, Logs: c.p.Logs, Organisations: c.p.Organisations}} {
		if _, err := verify.Dossiers(context.Background(), p, []*dossier.Dossier{c.d}); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

// TestQuorum counts different witnesses, by cosignatures that hold.
func TestQuorum(t *testing.T) {
	c := sit(t)
	one, two, three := verifytest.NewWitness("one.example"), verifytest.NewWitness("two.example"), verifytest.NewWitness("three.example")
	c.b.Witnesses = append(c.b.Witnesses, one, two)
	c.again()
	key := func(ws ...*verifytest.Witness) (out []verify.PolicyWitness) {
		for _, w := range ws {
			out = append(out, verify.PolicyWitness{Key: w.VerifierKey()})
		}
		return out
	}
	for _, q := range []struct {
		quorum    int
		witnesses []verify.PolicyWitness
		want      verify.Verdict
	}{
		{1, key(one), verify.Whole},
		{2, key(one, two, three), verify.Whole},
		{3, key(one, two, three), verify.Open},
		{1, key(three), verify.Open},
		{2, key(one, one), verify.Open},
	} {
		p := *c.p
		p.Quorum, p.Witnesses = &q.quorum, q.witnesses
		r := run(t, &p, c.d)
		wantVerdict(t, r, q.want)
		if r.Has(verify.Unwitnessed) {
			t.Error("called unwitnessed")
		}
		if n := len(r.Readings[0].Witnesses); (n >= q.quorum) != (q.want == verify.Whole) {
			t.Errorf("%d witnesses named for a quorum of %d", n, q.quorum)
		}
	}
}

func TestCouldNotCheckIsAnError(t *testing.T) {
	c := sit(t)
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := verify.Dossiers(stopped, c.p, []*dossier.Dossier{c.d}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := verify.Dossiers(context.Background(), c.p, nil); err == nil {
		t.Error("nothing was verified")
	}
	if _, err := verify.Dossiers(context.Background(), c.p, []*dossier.Dossier{nil}); err == nil {
		t.Error("no dossier was verified")
	}
	broken := errors.New("the disk is gone")
	if _, err := verify.Dossiers(context.Background(), c.p, []*dossier.Dossier{c.d}, verify.File{Name: "f", Reader: iotest.ErrReader(broken)}); !errors.Is(err, broken) {
		t.Errorf("unreadable file: %v", err)
	}
	if _, _, err := verify.Read(brokenAt{broken}, 100, dossier.DefaultLimits); !errors.Is(err, broken) {
		t.Errorf("unreadable dossier: %v", err)
	}
}

type brokenAt struct{ err error }

func (b brokenAt) ReadAt([]byte, int64) (int, error) { return 0, b.err }

// TestHollowDossiers: what decodes into little or nothing is bad, not a crash.
func TestHollowDossiers(t *testing.T) {
	c := sit(t)
	for name, d := range map[string]*dossier.Dossier{
		"nothing":     {},
		"log alone":   {Log: c.b.Log},
		"no events":   {Log: c.b.Log, Checkpoint: c.d.Checkpoint, Scope: c.d.Scope},
		"no keys":     {Log: c.b.Log, Checkpoint: c.d.Checkpoint, Events: []dossier.Event{{}, {Index: 1}}},
		"no contents": {Log: c.b.Log, Checkpoint: c.d.Checkpoint, Scope: c.d.Scope, Events: c.d.Events},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range []*verify.Policy{nil, c.p} {
				wantVerdict(t, run(t, p, d, verify.File{Name: "f", Reader: strings.NewReader("x")}), verify.NotWhole)
			}
		})
	}
	if len(c.d.Documents) == 0 {
		t.Error("verifying changed its input")
	}
}

// TestSummary pins the JSON form of a result.
func TestSummary(t *testing.T) {
	c := sit(t)
	raw, err := run(t, c.p, c.d).Summary().Encode()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Format, Verdict string
		Exit            int
		Findings        []struct{ Name, Severity, Detail string }
		Dossiers        []struct {
			Log, Root, Case, Origin, Agency string
			Size, Events, Admitted          uint64
			Organisations                   []struct {
				ID, Name   string
				Identified bool
			}
			Items []struct {
				ID, Class, Phase, Head, Bytes string
				Seq                           uint64
				Holder                        struct{ Org, Person evidence.Digest }
				Artifact                      *struct {
					SHA256, BlockRoot string
					Size              uint64
				}
			}
		}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&s); err != nil {
		t.Fatal(err)
	}
	d := s.Dossiers[0]
	if s.Format != verify.SummaryFormat || s.Verdict != "whole" || s.Exit != 0 || len(s.Findings) == 0 || d.Size != uint64(len(c.b.Sealed)) || d.Events != uint64(len(c.d.Events)) ||
		d.Admitted != d.Events || d.Agency != c.Agency.ID.String() || len(d.Organisations) == 0 {
		t.Errorf("%s", raw)
	}
	var items []string
	for _, it := range d.Items {
		items = append(items, fmt.Sprint(it.Class, " ", it.Phase, " ", it.Bytes))
	}
	if got, want := strings.Join(items, "; "), "device held ; device held ; digital held not checked"; got != want {
		t.Errorf("items %q, want %q", got, want)
	}
	_, bad, err := verify.Read(strings.NewReader("x"), 1, dossier.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = bad.Summary().Encode()
	if err != nil || !bytes.Contains(raw, []byte(`"dossiers": []`)) || !bytes.Contains(raw, []byte(`"exit": 3`)) {
		t.Errorf("%s, %v", raw, err)
	}
}

// TestImportClosure: a laboratory can run the verifier with no network,
// database, storage or program behind it.
func TestImportClosure(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "list", "-deps", "github.com/evidence-custody/custodyd/custody/verify").Output()
	if err != nil {
		t.Fatalf("couldn't list what the verifier imports: %v", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages listed", len(deps))
	}
	for _, dep := range deps {
		for _, never := range []string{"net/http", "os/exec", "database/sql", "github.com/minio", "github.com/lib/pq", "github.com/gorilla", "github.com/versity",
			"github.com/evidence-custody/custodyd/custody/ledger", "github.com/evidence-custody/custodyd/api", "github.com/evidence-custody/custodyd/custody/report"} {
			if dep == never || strings.HasPrefix(dep, never+"/") {
				t.Errorf("the verifier imports %s", dep)
			}
		}
	}
}

// BenchmarkDossiers verifies a dossier; compare with BenchmarkSignature.
func BenchmarkDossiers(b *testing.B) {
	c := sit(b)
	for range 200 {
		r := c.Act(c.Second, c.Release(rulingtest.To(c.Laboratory.ID), c.Disk))
		c.Act(c.Analyst, c.Acceptance(c.Disk), r)
		r = c.Act(c.Analyst, c.Release(rulingtest.To(c.Agency.ID), c.Disk))
		c.Act(c.Second, c.Acceptance(c.Disk), r)
	}
	c.b.Sealed = c.Sealed
	c.again()
	b.ResetTimer()
	for range b.N {
		if r := run(b, c.p, c.d); r.Verdict != verify.Whole {
			b.Fatal(r.Findings[0])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(c.d.Events)), "µs/event")
}

// BenchmarkSignature is the floor: one P-256 verification.
func BenchmarkSignature(b *testing.B) {
	c := sit(b)
	for range b.N {
		if err := c.d.Events[3].Key.Verify(c.d.Events[3].Envelope); err != nil {
			b.Fatal(err)
		}
	}
}
