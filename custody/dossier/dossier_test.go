package dossier_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/evidence"
)

// same compares what dossiers say; maps without entries say the same as nil.
func same(a, b *dossier.Dossier) string {
	if !bytes.Equal(a.Log, b.Log) || !bytes.Equal(a.Checkpoint, b.Checkpoint) {
		return "log or checkpoint"
	}
	if a.Scope.Case != b.Scope.Case || len(a.Scope.Items) != len(b.Scope.Items) || len(a.Scope.Items) > 0 && !reflect.DeepEqual(a.Scope, b.Scope) {
		return "scope"
	}
	if len(a.Events) != len(b.Events) {
		return "number of events"
	}
	for i, x := range a.Events {
		y := b.Events[i]
		if x.Index != y.Index || x.Key.ID() != y.Key.ID() || !reflect.DeepEqual(x.Envelope, y.Envelope) || fmt.Sprint(x.Proof, x.Timestamps) != fmt.Sprint(y.Proof, y.Timestamps) {
			return fmt.Sprintf("event %d", i)
		}
	}
	for name, pair := range map[string][2]any{"consistency": {a.Consistency, b.Consistency}, "documents": {a.Documents, b.Documents},
		"details": {a.Details, b.Details}, "blocks": {a.Blocks, b.Blocks}, "attachments": {a.Attachments, b.Attachments}, "times": {a.Times, b.Times},
		"checkpoints": {a.Checkpoints, b.Checkpoints}, "proofs": {a.Proofs, b.Proofs}} {
		if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) { // maps print sorted
			return name
		}
	}
	return ""
}

func TestRoundTrip(t *testing.T) {
	withTime, _ := timed(t)
	for _, d := range []*dossier.Dossier{sample(t, 0), sample(t, 1), sample(t, 5), withTime} {
		n := len(d.Events)
		b := encode(t, d)
		got, err := decode(b)
		if err != nil {
			t.Fatalf("%d events: %v", n, err)
		}
		if diff := same(d, got); diff != "" {
			t.Errorf("%d events: %s read otherwise", n, diff)
		}
		if again := encode(t, got); !bytes.Equal(again, b) {
			t.Errorf("%d events: encodes otherwise", n)
		}
	}
}

// TestKnownBytes: the encoding does not move. A dossier in a court's archive
// must read as canonical for ever.
func TestKnownBytes(t *testing.T) {
	type known struct {
		Name   string `json:"name"`
		Rule   string `json:"rule"`
		SHA256 string `json:"sha256"`
		Zip    []byte `json:"zip"`
	}
	var made []known
	for _, n := range []int{0, 3} {
		b := encode(t, sample(t, n))
		made = append(made, known{fmt.Sprintf("%d-events", n), "ok", fmt.Sprintf("%x", sha256.Sum256(b)), b})
	}
	withTime, _ := timed(t)
	b := encode(t, withTime)
	made = append(made, known{"timestamps-and-proofs", "ok", fmt.Sprintf("%x", sha256.Sum256(b)), b})
	for _, v := range sealtest.Vectors(t, "dossier/whole.json", made) {
		if _, err := decode(v.Zip); ruleOf(err) != v.Rule || fmt.Sprintf("%x", sha256.Sum256(v.Zip)) != v.SHA256 {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// parallel calls f for 0..n-1 on all cores.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for c := range cores {
		wg.Go(func() {
			for i := c; i < n; i += cores {
				f(i)
			}
		})
	}
	wg.Wait()
}

// TestEveryBit: no bit of a dossier is without meaning.
func TestEveryBit(t *testing.T) {
	least := sample(t, 1)
	least.Events[0].Timestamps, least.Proofs = [][]byte{{1}, {2}}, true
	good := encode(t, least)
	var slowest time.Duration
	var mu sync.Mutex
	parallel(8*len(good), func(bit int) {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		start := time.Now()
		_, err := decode(b)
		took := time.Since(start)
		mu.Lock()
		defer mu.Unlock()
		slowest = max(slowest, took)
		if rule := ruleOf(err); rule == "ok" || strings.HasPrefix(rule, "untyped") {
			t.Errorf("bit %d of byte %d flipped: %s", bit%8, bit/8, rule)
		}
	})
	if slowest > 5*time.Second {
		t.Errorf("one took %s", slowest)
	}
}

func TestEveryTruncationAndTail(t *testing.T) {
	good := encode(t, sample(t, 1))
	refused := func(how string, b []byte) {
		if rule := ruleOf(func() error { _, err := decode(b); return err }()); rule == "ok" || strings.HasPrefix(rule, "untyped") {
			t.Errorf("%s: %s", how, rule)
		}
	}
	parallel(len(good), func(n int) { refused(fmt.Sprintf("first %d bytes", n), good[:n]) })
	parallel(len(good), func(n int) {
		if n > 0 {
			refused(fmt.Sprintf("from byte %d", n), good[n:])
		}
	})
	for _, tail := range []string{"\x00", "x", "PK\x05\x06", string(good), strings.Repeat("\x00", 70000)} {
		refused(fmt.Sprintf("with %d bytes more", len(tail)), append(bytes.Clone(good), tail...))
		refused(fmt.Sprintf("behind %d bytes", len(tail)), append([]byte(tail), good...))
	}
	// A zip comment, announced.
	b := append(bytes.Clone(good), "hi"...)
	b[len(good)-2] = 2
	refused("with a comment", b)
}

// stdFiles reads a zip by the standard library, in order.
func stdFiles(t testing.TB, b []byte) (names []string, content map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	content = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		names = append(names, f.Name)
		content[f.Name] = c
	}
	return names, content
}

func TestStandardLibraryReads(t *testing.T) {
	d := sample(t, 3)
	names, content := stdFiles(t, encode(t, d))
	for path, want := range map[string][]byte{"data/log/log.json": d.Log, "data/log/checkpoint.txt": d.Checkpoint, "data/attachments/report.json": []byte("{}"), "data/attachments/empty.txt": {}} {
		if got, ok := content[path]; !ok || !bytes.Equal(got, want) {
			t.Errorf("%s: %q", path, got)
		}
	}
	if len(content) != len(names) || len(content["data/events/000000000001.sigstore.json"]) == 0 {
		t.Errorf("files: %q", names)
	}
	for _, n := range names {
		if strings.Contains(n, "..") || strings.HasPrefix(n, "/") || strings.Contains(n, `\`) {
			t.Errorf("unsafe name %q", n)
		}
	}
}

// TestWriterRefuses: what could not be read again is not written.
func TestWriterRefuses(t *testing.T) {
	other := evidence.Sum([]byte("other"))
	for name, c := range map[string]struct {
		rule   string
		change func(d *dossier.Dossier)
	}{
		"no log":               {dossier.RuleFile, func(d *dossier.Dossier) { d.Log = nil }},
		"no checkpoint":        {dossier.RuleFile, func(d *dossier.Dossier) { d.Checkpoint = nil }},
		"unsigned checkpoint":  {dossier.RuleFile, func(d *dossier.Dossier) { d.Checkpoint, _, _ = bytes.Cut(d.Checkpoint, []byte("\u2014")) }},
		"checkpoint not UTF-8": {dossier.RuleFile, func(d *dossier.Dossier) { d.Checkpoint = append(bytes.Clone(d.Checkpoint), "\u2014 \xff\n"...) }},
		"checkpoint with junk": {dossier.RuleFile, func(d *dossier.Dossier) { d.Checkpoint = append(bytes.Clone(d.Checkpoint), "junk\n"...) }},
		"checkpoint too long": {dossier.RuleFile, func(d *dossier.Dossier) {
			d.Checkpoint = append(bytes.Clone(d.Checkpoint), strings.Repeat("\u2014 w AAAAAA==\n", 6000)...)
		}},
		"items unsorted":      {dossier.RuleFile, func(d *dossier.Dossier) { d.Scope.Items[0], d.Scope.Items[1] = d.Scope.Items[1], d.Scope.Items[0] }},
		"items twice":         {dossier.RuleFile, func(d *dossier.Dossier) { d.Scope.Items[1] = d.Scope.Items[0] }},
		"events unsorted":     {dossier.RuleFile, func(d *dossier.Dossier) { d.Events[0], d.Events[1] = d.Events[1], d.Events[0] }},
		"event twice":         {dossier.RuleFile, func(d *dossier.Dossier) { d.Events[1] = d.Events[0] }},
		"index too large":     {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[2].Index = 1e12 }},
		"no key":              {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Key = seal.PublicKey{} }},
		"no signature":        {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Envelope.Signature = nil }},
		"long signature":      {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Envelope.Signature = make([]byte, 73) }},
		"no payload":          {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Envelope.Payload = nil }},
		"long payload":        {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Envelope.Payload = make([]byte, 256<<10+1) }},
		"long proof":          {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Proof = make([]evidence.Digest, 129) }},
		"long consistency":    {dossier.RuleFile, func(d *dossier.Dossier) { d.Consistency[1] = make([]evidence.Digest, 129) }},
		"consistency size":    {dossier.RuleFile, func(d *dossier.Dossier) { d.Consistency[1e12] = nil }},
		"timestamp's name":    {dossier.RuleFile, func(d *dossier.Dossier) { d.Times = map[evidence.Digest][]byte{other: []byte("x")} }},
		"timestamps unsorted": {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Timestamps = [][]byte{{2}, {1}} }},
		"timestamp twice":     {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Timestamps = [][]byte{{1}, {1}} }},
		"timestamp empty":     {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Timestamps = [][]byte{{}} }},
		"timestamp too long":  {dossier.RuleBundle, func(d *dossier.Dossier) { d.Events[0].Timestamps = [][]byte{make([]byte, 16<<10+1)} }},
		"too many timestamps": {dossier.RuleBundle, func(d *dossier.Dossier) {
			for i := range byte(17) {
				d.Events[0].Timestamps = append(d.Events[0].Timestamps, []byte{i})
			}
		}},
		"older of other size": {dossier.RuleFile, func(d *dossier.Dossier) { d.Checkpoints = map[uint64][]byte{1: d.Checkpoint} }},
		"older is no note":    {dossier.RuleFile, func(d *dossier.Dossier) { d.Checkpoints = map[uint64][]byte{1: []byte("x")} }},
		"another first key": {dossier.RuleFile, func(d *dossier.Dossier) {
			d.Checkpoint = bytes.Replace(d.Checkpoint, []byte("\u2014 log."), []byte("\u2014 lag."), 1)
		}},
		"document's name":    {dossier.RuleFile, func(d *dossier.Dossier) { d.Documents[other] = []byte("x") }},
		"detail's name":      {dossier.RuleFile, func(d *dossier.Dossier) { d.Details[other] = []byte("x") }},
		"half a block":       {dossier.RuleFile, func(d *dossier.Dossier) { d.Blocks[other] = make([]byte, 33) }},
		"names equal folded": {dossier.RuleLayout, func(d *dossier.Dossier) { d.Attachments["Report.JSON"] = nil }},
	} {
		d := sample(t, 3)
		c.change(d)
		if _, err := d.Encode(); ruleOf(err) != c.rule {
			t.Errorf("%s: %v, want %s", name, err, c.rule)
		}
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a b", "a:b", ".hidden", "dot.", "con", "CON.txt", "nul", "Com1.json", "lpt9", "\u00e4", "a\x00", strings.Repeat("x", 101)} {
		d := sample(t, 0)
		d.Attachments = map[string][]byte{name: nil}
		if _, err := d.Encode(); ruleOf(err) != dossier.RuleLayout {
			t.Errorf("attachment %q: %v", name, err)
		}
	}
	for _, name := range []string{"a", "report.pdf", "Report-1_final.tar.gz", "con-report", "com10", strings.Repeat("x", 100)} {
		d := sample(t, 0)
		d.Attachments = map[string][]byte{name: []byte("x")}
		if _, err := decode(encode(t, d)); err != nil {
			t.Errorf("attachment %q: %v", name, err)
		}
	}
}

// TestLimits: each limit is the last that passes.
func TestLimits(t *testing.T) {
	b := encode(t, sample(t, 3))
	names, _ := stdFiles(t, b)
	exact := dossier.Limits{Bytes: int64(len(b)), Events: 3, Files: len(names)}
	for name, c := range map[string]struct {
		rule string
		lim  dossier.Limits
	}{
		"exact":  {"ok", exact},
		"bytes":  {dossier.RuleLimit, dossier.Limits{Bytes: exact.Bytes - 1, Events: 3, Files: exact.Files}},
		"events": {dossier.RuleLimit, dossier.Limits{Bytes: exact.Bytes, Events: 2, Files: exact.Files}},
		"files":  {dossier.RuleLimit, dossier.Limits{Bytes: exact.Bytes, Events: 3, Files: exact.Files - 1}},
		"none":   {dossier.RuleLimit, dossier.Limits{}},
	} {
		if _, err := dossier.Decode(bytes.NewReader(b), int64(len(b)), c.lim); ruleOf(err) != c.rule {
			t.Errorf("%s: %v, want %s", name, err, c.rule)
		}
	}
}

// failing answers reads beyond an offset with an error.
type failing struct {
	b  []byte
	at int64
}

var errDisk = errors.New("input/output error")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at {
		n := copy(p, f.b[min(off, f.at):f.at])
		return n, errDisk
	}
	return bytes.NewReader(f.b).ReadAt(p, off)
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDisk }

// TestUnreadable: a disk that fails is not evidence that is bad.
func TestUnreadable(t *testing.T) {
	b := encode(t, sample(t, 1))
	for at := int64(0); at < int64(len(b)); at += 97 {
		_, err := dossier.Decode(failing{b, at}, int64(len(b)), dossier.DefaultLimits)
		if !errors.Is(err, errDisk) || !strings.HasPrefix(ruleOf(err), "untyped") {
			t.Fatalf("fails at %d: %v", at, err)
		}
	}
	if _, err := dossier.Decode(bytes.NewReader(b), -1, dossier.DefaultLimits); err == nil {
		t.Error("decodes -1 bytes")
	}
	if err := sample(t, 1).Write(full{}); !errors.Is(err, errDisk) {
		t.Errorf("writes to a full disk: %v", err)
	}
}

// TestProofsHold: the sample's proofs are real, so the tests above are about
// dossiers that verify.
func TestProofsHold(t *testing.T) {
	d, err := decode(encode(t, sample(t, 5)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := tlog.NewLogVerifier(origin, logKey().Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	head, err := tlog.OpenCheckpoint(d.Checkpoint, origin, note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Events {
		if err := e.Key.Verify(e.Envelope); err != nil {
			t.Error(err)
		}
		if err := tlog.VerifyInclusion(tlog.LeafHash(tlog.Leaf(e.Envelope, e.Key)), e.Index, head.Size, e.Proof, head.Root); err != nil {
			t.Error(err)
		}
	}
}
