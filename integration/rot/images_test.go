package rot

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/report"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// medium is a disk that neither compresses well nor badly all over.
func medium(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{5}).Read(b[:size/2])
	copy(b[size*3/4:], b[:size/8])
	return b
}

const examiner = "محمد رفیق"

// acquire images a medium with ewfacquire, and returns the first file.
func acquire(t *testing.T, raw []byte, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "disk.raw"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(stage.Need(t, "ewfacquire"), append(append([]string{"-u", "-q", "-t", "disk", "-C", "FIR 77/2026", "-D", "A disk", "-e", examiner, "-E", "KHI/1", "-N", "Some notes",
		"-m", "fixed", "-M", "physical", "-d", "sha1", "-l", "acquire.log"}, args...), "disk.raw")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"disk.E01", "disk.s01"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	t.Fatal("ewfacquire wrote no image")
	return ""
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// altered is a file changed, in a directory of its own.
func altered(t *testing.T, path string, change func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return stage.Write(t, filepath.Base(path), change(b))
}

// TestImagesAreDecoded: the service itself says what is in the images that were
// deposited, whatever the client said of them, from the encrypted copy; and
// nothing of a copy that rotted meanwhile.
func TestImagesAreDecoded(t *testing.T) {
	ctx := stage.Context(t)
	stage.Need(t, "ewfinfo")
	p := &place{data: stage.Dir(t)}
	p.o = stage.Options(p.data)
	p.o.LeaveImages = true
	p.svc = stage.Serve(t, p.o)
	token, _, err := p.svc.FirstToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p.cast = stage.NewCast(t, p.svc.URL(), token)
	p.kase = p.cast.Investigator.OpenCase(t)
	p.db = stage.Database(t, p.data, migrations.RoleApp)

	raw := medium(20 << 20) // three blocks, where it is not compressed
	small := raw[:3<<20]
	plain := acquire(t, raw, "-f", "encase6", "-c", "none")
	packed := acquire(t, raw, "-f", "encase7", "-c", "fast")
	deposit := func(path string) evidence.Digest {
		t.Helper()
		d, err := p.cast.Investigator.Desk.Deposit(ctx, desk.Depositing{Path: path, Case: p.kase, Role: custody.RoleMaster, AcceptDamaged: true, Fields: map[string]string{"exhibit": "KHI/1/1"}})
		if err != nil {
			t.Fatal(err)
		}
		return d.Item
	}
	chunk := 32768
	flip := func(b []byte) []byte { // in chunk 40
		at := bytes.Index(b, raw[40*chunk:40*chunk+64])
		if at < 0 {
			t.Fatal("the chunk is not where it is looked for")
		}
		b[at+1000] ^= 4
		return b
	}
	items := map[string]evidence.Digest{
		"plain": deposit(plain), "packed": deposit(packed), "smart": deposit(acquire(t, small, "-f", "smart", "-c", "best")),
		"set":     deposit(acquire(t, small, "-f", "encase6", "-c", "none", "-S", "1048576")),
		"flipped": deposit(altered(t, plain, flip)), "cut": deposit(altered(t, packed, func(b []byte) []byte { return b[:len(b)*2/3] })),
		"raw": deposit(stage.Write(t, "disk.E01.dd", raw[:1<<20])), "text": deposit(stage.Write(t, "disk.E01", []byte("not an image, whatever its name says"))),
		"rotten": deposit(altered(t, plain, func(b []byte) []byte { return append(b, "a byte more"...) })),
	}
	log, err := desk.ReadImagerLog(filepath.Join(filepath.Dir(plain), "acquire.log"))
	if err != nil {
		t.Fatal(err)
	}
	logged, err := p.cast.Investigator.Desk.DepositLog(ctx, log, p.kase, items["plain"], desk.Telling{})
	if err != nil {
		t.Fatal(err)
	}
	if n := p.undecided(t); n != len(items)+1 || len(p.events(t, items["plain"], custody.KindImageRead)) != 0 {
		t.Fatalf("with decode_images off, %d artifacts wait, and %v was said", n, p.events(t, items["plain"], custody.KindImageRead))
	}
	if m := p.media(t, items["plain"]); m == nil || m.State != "waiting" || m.MD5 != "" {
		t.Errorf("before it was decoded the image is shown as %+v", m)
	}
	p.stored(t, items["rotten"]).spoil(t, 1)

	stage.Stop(t, p.svc)
	p.o.LeaveImages = false
	p.svc = stage.Serve(t, p.o)
	p.cast.Reach(t, p.svc.URL())
	p.db = stage.Database(t, p.data, migrations.RoleApp)
	for until := time.Now().Add(time.Minute); p.undecided(t) > 1 || len(p.events(t, items["rotten"], custody.KindFixityFailed)) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d artifacts were not looked at", p.undecided(t))
		}
	}

	read := map[string]*custody.ImageRead{}
	for name, item := range items {
		all := p.events(t, item, custody.KindImageRead)
		if want := name != "raw" && name != "text" && name != "rotten"; (len(all) == 1) != want || len(all) > 1 {
			t.Fatalf("%s: %d readings", name, len(all))
		} else if want {
			read[name] = all[0].(*custody.ImageRead)
		}
	}
	for name, want := range map[string]struct {
		media      []byte
		files      uint64
		dialect    custody.EWFDialect
		compressed bool
	}{
		"plain": {raw, 1, custody.DialectE01, false}, "packed": {raw, 1, custody.DialectE01, true},
		"smart": {small, 1, custody.DialectSMART, true}, "set": {small, 4, custody.DialectE01, false},
	} {
		m, s, sum := md5.Sum(want.media), sha1.Sum(want.media), evidence.Digest(sha256.Sum256(want.media))
		f := read[name].Found
		if read[name].Outcome != custody.ImageWhole || f == nil || f.MD5 != hex.EncodeToString(m[:]) || f.SHA1 != hex.EncodeToString(s[:]) || f.SHA256 == nil || *f.SHA256 != sum ||
			f.Size != uint64(len(want.media)) || f.Segments != want.files || f.Dialect != want.dialect || (f.Compressed > 0) != want.compressed || f.Stored.MD5 != f.MD5 || len(f.Flaws) != 0 {
			t.Errorf("%s: %s, %+v", name, read[name].Outcome, f)
		}
	}
	if info, err := exec.Command("ewfinfo", plain).Output(); err != nil || !strings.Contains(string(info), read["plain"].Found.Stored.MD5) || !strings.Contains(string(info), read["plain"].Found.Stored.SHA1) {
		t.Errorf("ewfinfo: %v\n%s\nwe: %+v", err, info, read["plain"].Found.Stored)
	}
	if b := read["flipped"]; b.Outcome != custody.ImageDamaged || b.Found.Damaged.Count != 1 || !slices.Equal(b.Found.Damaged.First, []uint64{40}) || b.Found.MD5 != "" || b.Found.Stored != read["plain"].Found.Stored {
		t.Errorf("a flipped byte: %s, %+v", b.Outcome, b.Found)
	}
	if b := read["cut"]; b.Outcome != custody.ImageUnreadable || b.Reason != custody.UnreadableTruncated || b.Found != nil {
		t.Errorf("a truncated image: %+v", b)
	}

	// Whoever may see an item is told.
	for name, want := range map[string]desk.Found{"plain": {State: "whole"}, "flipped": {State: "damaged", Damaged: 1}, "cut": {State: "unreadable", Reason: "truncated"}, "rotten": {State: "waiting"}} {
		m := p.media(t, items[name])
		if m == nil || m.State != want.State || m.Reason != want.Reason || m.Damaged != want.Damaged || (m.MD5 != "") != (name == "plain") || m.Event.IsZero() != (name == "rotten") {
			t.Errorf("%s is shown as %+v", name, m)
		}
	}
	if m := p.media(t, items["raw"]); m != nil {
		t.Errorf("a raw image is shown as decoded: %+v", m)
	}

	// The imager's words are in the image's dossier, as details.
	v, err := p.cast.Investigator.Desk.VerifyItems(ctx, items["plain"])
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, e := range v.Readings[0].Events {
		if e.Statement.Predicate.Kind != custody.KindImageRead {
			continue
		}
		told = true
		if e.Details[custody.FieldExaminer] != examiner || e.Details[custody.FieldCaseNumber] != "FIR 77/2026" || e.Details[custody.FieldEvidenceNumber] != "KHI/1" || e.Details[custody.FieldAcquired] == "" {
			t.Errorf("the imager's words are told as %q", e.Details)
		}
	}
	if !told {
		t.Error("the dossier has no image.read")
	}

	// And a report sets the media data apart, and the imager's log beside it.
	issued, err := p.cast.Investigator.Desk.RequestReport(ctx, p.kase, []evidence.Digest{items["plain"], items["flipped"], items["cut"], logged.Item})
	if err != nil {
		t.Fatal(err)
	}
	var doc report.Document
	if err := json.Unmarshal(issued.Files["report.json"], &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, f := range doc.Findings {
		found[f.Name]++
	}
	if found[string(verify.ImageDamaged)] != 1 || found[string(verify.ImageUnreadable)] != 1 || found[string(verify.ImageContradicted)]+found[string(verify.ImageHashDiffers)] != 0 {
		t.Errorf("findings %v", found)
	}
	for _, a := range doc.Artifacts {
		switch doc.Items[a.Item-1].ID {
		case items["plain"]:
			if a.Media == nil || a.Media.Read != report.Pass || a.Media.Stored != report.Pass || a.Media.MD5 != read["plain"].Found.MD5 || len(a.Logs) != 1 {
				t.Fatalf("the report says %+v, logs %+v", a.Media, a.Logs)
			}
			if said := a.Logs[0].Beside; !slices.ContainsFunc(said, func(s report.LogStatement) bool { return s.Kind == "match" && strings.Contains(s.Words, "SHA-1") }) {
				t.Errorf("the imager's log beside it: %+v", said)
			}
		case items["flipped"]:
			if a.Media == nil || a.Media.Read != report.Fail || !slices.Equal(a.Media.Chunks, []report.DamagedChunk{{Offset: 40 * 32768, Length: 32768}}) || a.Media.MD5 != "" {
				t.Errorf("the report says %+v", a.Media)
			}
		}
	}
}

// media is what an item is shown with.
func (p *place) media(t *testing.T, item evidence.Digest) *desk.Found {
	t.Helper()
	it, err := p.cast.Investigator.Desk.Service.Item(stage.Context(t), item)
	if err != nil {
		t.Fatal(err)
	}
	return it.Media
}

// undecided is how many artifacts were not looked at yet.
func (p *place) undecided(t *testing.T) (n int) {
	t.Helper()
	if err := p.db.QueryRowContext(stage.Context(t), `SELECT count(*) FROM custody.images WHERE outcome IS NULL`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
