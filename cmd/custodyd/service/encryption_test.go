package service_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
	"github.com/evidence-custody/custodyd/migrations"
)

// marker is in every image here, and nowhere else.
var marker = []byte("MARKER-OF-THE-EXHIBIT-7f3a9c21")

// image is a file of two blocks and a little, full of markers.
func image(t *testing.T, first byte) string {
	t.Helper()
	b := bytes.Repeat(append([]byte{first}, marker...), (2*evidence.BlockSize+4321)/(len(marker)+1))
	return stage.Write(t, "exhibit.dd", b)
}

// objects are the files of the private store that hold evidence, by name, with
// what they look like from outside.
func objects(t *testing.T, data string) map[string]fs.FileInfo {
	t.Helper()
	found := map[string]fs.FileInfo{}
	err := filepath.WalkDir(filepath.Join(data, "store"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && strings.Contains(path, "/evidence/") && info.Size() > 1000 && !strings.Contains(path, "/log/") {
			found[path] = info
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d objects: %v", len(found), err)
	}
	return found
}

// markers counts the files of the store in which the marker is found.
func markers(t *testing.T, data string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(data, "store"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, marker) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func same(t *testing.T, p *stage.Person, item evidence.Digest, path string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "received.dd")
	if _, err := p.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: item, Purpose: "examination"}, Path: out}); err != nil {
		t.Fatalf("couldn't retrieve: %v", err)
	}
	want, err := os.ReadFile(path)
	got, bad := os.ReadFile(out)
	if err != nil || bad != nil || !bytes.Equal(got, want) {
		t.Errorf("what was retrieved is not what was deposited: %d and %d bytes, %v, %v", len(got), len(want), err, bad)
	}
}

// TestEncryption runs a service through what encryption at rest promises: no
// plaintext in the store, keys that are changed while it serves and touch no
// object, both encodings side by side, and a start that refuses without the key.
func TestEncryption(t *testing.T) {
	t.Parallel()
	data, ctx := stage.Dir(t), t.Context()
	o := stage.Options(data)
	svc := stage.Serve(t, o)
	token, _, err := svc.FirstToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), token)
	kase := cast.Investigator.OpenCase(t)
	first := image(t, 1)
	one := cast.Investigator.Deposit(t, kase, nil, first)
	if n := markers(t, data); n != 0 {
		t.Errorf("the exhibit's content is in %d files of the store", n)
	}
	same(t, cast.Investigator, one.Item, first)

	// The key-encryption key is changed while somebody deposits and others read.
	before := objects(t, data)
	var all sync.WaitGroup
	var two desk.Deposited
	second := image(t, 2)
	all.Go(func() { two = cast.Investigator.Deposit(t, kase, nil, second) })
	all.Go(func() { same(t, cast.Investigator, one.Item, first) })
	for range 2 {
		r, err := service.RotateKey(ctx, o, "", func(uint64, uint64) {})
		if err != nil || len(r.Problems) != 0 {
			t.Fatalf("couldn't change the key: %+v, %v", r, err)
		}
	}
	all.Wait()
	// What was begun in the middle may be left: the next run sees to it.
	r, err := service.RotateKey(ctx, o, "", func(uint64, uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range r.Keys {
		if (k.Retired == nil) != k.Current || k.Current != (k.ID == r.Current) || k.Current && k.Wraps != 2 || !k.Current && k.Wraps != 0 || k.Problem != "" {
			t.Errorf("key %+v", k)
		}
	}
	same(t, cast.Investigator, one.Item, first)
	same(t, cast.Investigator, two.Item, second)
	after := objects(t, data)
	for path, was := range before {
		now := after[path]
		if now == nil || !now.ModTime().Equal(was.ModTime()) || now.Size() != was.Size() || !os.SameFile(now, was) {
			t.Errorf("changing keys touched %s", path)
		}
	}

	// One prepared for several replicas is used when it is told, and not before.
	id, file, err := service.PrepareEncryptionKey(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := service.EncryptionKeys(ctx, o); err != nil || len(keys) != len(r.Keys) {
		t.Errorf("%d keys after one was prepared: %v", len(keys), err)
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := service.RotateKey(ctx, o, id, func(uint64, uint64) {}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a key that isn't here yet: %v", err)
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	if r, err := service.RotateKey(ctx, o, id, func(uint64, uint64) {}); err != nil || r.Current != id || r.Rewrapped != 2 || len(r.Retired) != 1 {
		t.Errorf("the prepared key: %+v, %v", r, err)
	}
	same(t, cast.Investigator, two.Item, second)
	stage.Stop(t, svc)

	if result, err := service.Check(ctx, o, true, func(uint64, uint64) {}); err != nil || !result.Whole() || result.Artifacts != 2 || result.Bytes == 0 {
		t.Errorf("the check found %+v, %v", result, err)
	}

	// Without its key, or with another's under its name, it does not start, and
	// the check does not call it whole.
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func() error{
		"missing": func() error { return os.Remove(file) },
		"another": func() error {
			b, err := os.ReadFile(otherKey(t, data, file))
			return errors.Join(err, os.WriteFile(file, b, 0o600))
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if svc, err := service.Start(stage.Context(t), o); err == nil || !strings.Contains(err.Error(), "key-encryption key "+id) || strings.Contains(err.Error(), "\n") {
			if svc != nil {
				stage.Stop(t, svc)
			}
			t.Errorf("%s: it starts, or says %v", what, err)
		}
		if result, err := service.Check(ctx, o, true, func(uint64, uint64) {}); err == nil && result.Whole() {
			t.Errorf("%s: the check calls it whole", what)
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// Switched off: what comes is plain, what is there still opens.
	o.Plain = true
	svc = stage.Serve(t, o)
	cast.Reach(t, svc.URL())
	third := image(t, 3)
	three := cast.Investigator.Deposit(t, kase, nil, third)
	if markers(t, data) == 0 {
		t.Error("encryption is off, and the image is not to be seen: this test sees nothing")
	}
	same(t, cast.Investigator, one.Item, first)
	same(t, cast.Investigator, three.Item, third)
	db := stage.Database(t, data, migrations.RoleApp)
	var encodings string
	if err := db.QueryRowContext(ctx, `SELECT string_agg(encoding, ' ' ORDER BY stored_at) FROM custody.artifacts`).Scan(&encodings); err != nil || encodings != "dare-blocks dare-blocks plain" {
		t.Errorf("recorded as %q, %v", encodings, err)
	}
	stage.Stop(t, svc)
	if result, err := service.Check(ctx, o, true, func(uint64, uint64) {}); err != nil || !result.Whole() || result.Artifacts != 3 {
		t.Errorf("the check found %+v, %v", result, err)
	}
}

// otherKey is a key-encryption key's file that is not this one.
func otherKey(t *testing.T, data, not string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(data, "keys", "kek-*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if path != not {
			return path
		}
	}
	t.Fatalf("no other key in %v", all)
	return ""
}
