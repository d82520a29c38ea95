package locals3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
)

// pending returns what there is of uploads on the disk.
func (p *place) pending(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(p.options.Dir, "objects", "*", ".sgwtmp", "multipart", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func sendPart(raw *minio.Core, c vault.Config, u vault.Upload, n int, body io.Reader, size int, sum vault.Checksum) error {
	_, err := raw.PutObjectPart(context.Background(), c.Bucket, u.Key, u.ID, n, body, int64(size), minio.PutObjectPartOptions{
		DisableContentSha256: true,
		CustomHeader:         http.Header{"X-Amz-Checksum-Crc64nvme": {sum.String()}},
	})
	return err
}

// TestAcknowledgedPartsOutlastWhatComesLater: other bytes that don't arrive
// whole leave no trace in a part that is there.
func TestAcknowledgedPartsOutlastWhatComesLater(t *testing.T) {
	p := newPlace(t)
	c := config(p.start(t))
	store, raw := open(t, c), vaulttest.Client(t, c)
	data, other := vaulttest.Bytes(31, 33*mib+7), vaulttest.Bytes(32, 16*mib)
	u, err := store.Begin(t.Context(), uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	parts := vaulttest.PutAll(t, store, u, data)
	first := data[:16*mib]
	for name, err := range map[string]error{
		"other bytes cut short":                    sendPart(raw, c, u, 1, bytes.NewReader(other[:9*mib]), 16*mib, vault.ChecksumOf(other)),
		"other bytes under a wrong checksum":       sendPart(raw, c, u, 1, bytes.NewReader(other), 16*mib, vault.ChecksumOf(other)^1),
		"other bytes under the checksum of these":  sendPart(raw, c, u, 1, bytes.NewReader(other), 16*mib, vault.ChecksumOf(first)),
		"these bytes cut short":                    sendPart(raw, c, u, 1, bytes.NewReader(first[:9*mib]), 16*mib, vault.ChecksumOf(first)),
		"fewer bytes":                              sendPart(raw, c, u, 1, bytes.NewReader(other[:9*mib]), 9*mib, vault.ChecksumOf(other[:9*mib])),
		"more bytes":                               sendPart(raw, c, u, 3, bytes.NewReader(other), 16*mib, vault.ChecksumOf(other)),
		"a part that the object doesn't have":      sendPart(raw, c, u, 4, bytes.NewReader(other), 16*mib, vault.ChecksumOf(other)),
		"a checksum that is none":                  sendPart(raw, c, u, 1, bytes.NewReader(other), 16*mib, 0),
		"a part without its checksum, cut short":   sendPart(raw, c, u, 2, bytes.NewReader(nil), 16*mib, 0),
		"the end of the object with its page over": sendPart(raw, c, u, 3, bytes.NewReader(other[:mib+4096]), mib+4096, vault.ChecksumOf(other[:mib+4096])),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// The same bytes again have no effect.
	if again, err := store.PutPart(t.Context(), u, 1, first); err != nil || again != parts[0] {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if held, err := store.ListParts(t.Context(), u); err != nil || len(held) != 3 || held[0] != parts[0] || held[1] != parts[1] || held[2] != parts[2] {
		t.Errorf("listed: %+v, %v", held, err)
	}
	for _, dir := range p.pending(t) {
		if left, err := filepath.Glob(filepath.Join(dir, "part-*")); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
	o, err := store.Complete(t.Context(), u, parts)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.CheckBytes(t, store, o, data)
	if left := p.pending(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestOneWriterOfAPart sends one part from many sides at once, with the same
// and with other bytes: what is listed in the end is what is stored.
func TestOneWriterOfAPart(t *testing.T) {
	c := config(newPlace(t).start(t))
	store := open(t, c)
	u, err := store.Begin(t.Context(), 7*mib+1)
	if err != nil {
		t.Fatal(err)
	}
	sent := map[vault.Checksum][]byte{}
	var wg sync.WaitGroup
	for seed := range byte(3) {
		data := vaulttest.Bytes(40+seed, 7*mib+1)
		sent[vault.ChecksumOf(data)] = data
		for range 3 {
			wg.Go(func() {
				if _, err := store.PutPart(t.Context(), u, 1, data); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	held, err := store.ListParts(t.Context(), u)
	if err != nil || len(held) != 1 {
		t.Fatalf("listed: %+v, %v", held, err)
	}
	o, err := store.Complete(t.Context(), u, held)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.CheckBytes(t, store, o, sent[held[0].CRC])
}

// TestInPlaceReplacesNothing: somebody who goes past the store can put another
// object under the key meanwhile, which then stays.
func TestInPlaceReplacesNothing(t *testing.T) {
	c := config(newPlace(t).start(t))
	store, raw := open(t, c), vaulttest.Client(t, c)
	data := vaulttest.Bytes(33, mib)
	u, err := store.Begin(t.Context(), mib)
	if err != nil {
		t.Fatal(err)
	}
	parts := vaulttest.PutAll(t, store, u, data)
	other, err := raw.PutObject(t.Context(), c.Bucket, u.Key, strings.NewReader("other"), 5, "", "", minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Crc64nvme": vault.ChecksumOf([]byte("other")).String()}})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := store.Complete(t.Context(), u, parts); err == nil {
		t.Errorf("completed as %+v", o)
	}
	if now, err := store.Stat(t.Context(), u.Key, ""); err != nil || now.Version != other.VersionID {
		t.Errorf("the object is now %+v, %v", now, err)
	}
}

// TestPlansThatDontHold are refused when the upload is created.
func TestPlansThatDontHold(t *testing.T) {
	p := newPlace(t)
	c := config(p.start(t))
	open(t, c)
	raw := vaulttest.Client(t, c)
	for name, said := range map[string]map[string]string{
		"one size of two":      {"custody-size": "5"},
		"a part off the page":  {"custody-size": "40000000", "custody-part-size": "16777217"},
		"no number":            {"custody-size": "many", "custody-part-size": "16777216"},
		"a sign":               {"custody-size": "-5", "custody-part-size": "16777216"},
		"too many parts":       {"custody-size": "1000000000000", "custody-part-size": "16777216"},
		"another checksum":     {"custody-size": "5", "custody-part-size": "16777216", "X-Amz-Checksum-Algorithm": "SHA256", "X-Amz-Checksum-Type": "COMPOSITE"},
		"more than can be had": {"custody-size": "30000000000000", "custody-part-size": "4294967296"},
	} {
		meta := map[string]string{"X-Amz-Checksum-Algorithm": "CRC64NVME", "X-Amz-Checksum-Type": "FULL_OBJECT"}
		for k, v := range said {
			meta[k] = v
		}
		if id, err := raw.NewMultipartUpload(t.Context(), c.Bucket, "k", minio.PutObjectOptions{UserMetadata: meta}); err == nil {
			t.Errorf("%s: upload %s", name, id)
		}
	}
	if left := p.pending(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDiesAfterEachStep kills the server after each step of what it does with
// parts in place. The next one has every part that was acknowledged, shows no
// object that is not whole, ends with one, and leaves nothing lying about.
func TestDiesAfterEachStep(t *testing.T) {
	data, other := vaulttest.Bytes(50, 33*mib+5), vaulttest.Bytes(51, 33*mib+5)
	for _, step := range []string{"room reserved", "upload created", "part written", "part entered",
		"other part written", "other part entered", "part settled", "object described", "object linked", "upload cleared"} {
		for _, sidecar := range []bool{false, true} {
			t.Run(step+map[bool]string{true: " with sidecar"}[sidecar], func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				if sidecar {
					p.giveSidecar(t)
				}
				dying := &death{place: p, step: strings.TrimPrefix(step, "other ")}
				dying.run(t, strings.HasPrefix(step, "other ") || step == "part settled", data, other)
			})
		}
	}
}

// death is a server that dies after a step, and what it was told until then.
type death struct {
	*place
	step   string
	config vault.Config
	upload vault.Upload
	parts  map[int]vault.Part
}

func (d *death) run(t *testing.T, twice bool, data, other []byte) {
	// What comes before the step is done by a server that doesn't die.
	s := d.start(t)
	d.config, d.parts = config(s), map[int]vault.Part{}
	store := open(t, d.config)
	put := func(ctx context.Context, store *vault.Store, data []byte, n int) error {
		off := uint64(n-1) * d.upload.PartSize
		part, err := store.PutPart(ctx, d.upload, n, data[off:off+d.upload.PartLen(n)])
		if err == nil {
			d.parts[n] = part
		}
		return err
	}
	begin := func(ctx context.Context, store *vault.Store) (err error) {
		d.upload, err = store.Begin(ctx, uint64(len(data)))
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	list := func() (all []vault.Part) {
		for n := 1; n <= d.upload.Parts(); n++ {
			all = append(all, d.parts[n])
		}
		return all
	}
	fatal := func(ctx context.Context, store *vault.Store) error { return put(ctx, store, data, 2) }
	switch creating := d.step == "room reserved" || d.step == "upload created"; {
	case creating:
		fatal = begin
	default:
		must(begin(t.Context(), store))
		must(put(t.Context(), store, data, 1))
		if twice {
			must(put(t.Context(), store, other, 2))
		}
		if !strings.HasPrefix(d.step, "part ") || d.step == "part settled" {
			must(put(t.Context(), store, data, 2))
			must(put(t.Context(), store, data, 3))
			fatal = func(ctx context.Context, store *vault.Store) error {
				_, err := store.Complete(ctx, d.upload, list())
				return err
			}
		}
	}
	kill(t, s)

	lively := d.options.Args
	d.options.Args = []string{dyingArg, d.step}
	s = d.start(t)
	d.config.AccessKey, d.config.SecretKey = s.Credentials()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := fatal(ctx, open(t, d.config)); err == nil {
			t.Error("it was acknowledged, though the server died")
		}
	})
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Error("the server outlives the step")
	}
	cancel()
	wg.Wait()

	d.options.Args = lively
	store = d.again(t, &d.config)
	if d.upload.ID == "" {
		if pending, err := store.ListUploads(t.Context()); err != nil || d.step == "room reserved" && len(pending) != 0 {
			t.Errorf("an upload nobody heard of: %v, %v", pending, err)
		}
		if d.step == "room reserved" && len(d.pending(t)) != 0 {
			t.Errorf("left behind: %v", d.pending(t))
		}
		return
	}
	held, err := store.ListParts(t.Context(), d.upload)
	switch linked := d.step == "object linked" || d.step == "upload cleared"; {
	case linked && !errors.Is(err, vault.ErrNotFound):
		t.Errorf("the upload that has become an object: %v, %v", held, err)
	case !linked:
		must(err)
		listed := map[int]vault.Part{}
		for _, part := range held {
			listed[part.Number] = part
		}
		for n, part := range d.parts {
			// A part that was being replaced may be either, whole.
			if got := listed[n]; got != part && !(twice && n == 2 && got.CRC == vault.ChecksumOf(data[16*mib:32*mib])) {
				t.Errorf("part %d was acknowledged as %+v, the server has %+v", n, part, got)
			}
		}
		if o, err := store.Stat(t.Context(), d.upload.Key, ""); !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("a half object: %+v, %v", o, err)
		}
		for n := 1; n <= d.upload.Parts(); n++ {
			must(put(t.Context(), store, data, n))
		}
	}
	o, err := store.Complete(t.Context(), d.upload, list())
	must(err)
	if o.Mode != vault.Compliance || o.RetainUntil.Before(time.Now().Add(50*time.Second)) {
		t.Errorf("the object is locked as %q until %s", o.Mode, o.RetainUntil)
	}
	vaulttest.CheckBytes(t, store, o, data)
	checkOneVersion(t, d.config, d.upload.Key)
	if left := d.pending(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(filepath.Join(d.options.Dir, "objects", d.config.Bucket, d.upload.Key)); err != nil {
		t.Error(err)
	}
}
