package stores

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/evidence/vault/vaulttest"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestCheckStore asks by the command an operator has, before anything serves.
func TestCheckStore(t *testing.T) {
	t.Parallel()
	config, _, _ := minio(t)
	raw := vaulttest.Client(t, config)
	locked, unlocked := bucket(), bucket()
	config.Bucket = locked
	s, err := vault.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := raw.MakeBucket(t.Context(), unlocked, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	dir := stage.Dir(t)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	accessFile, secretFile, wrongFile := file("access", access), file("secret", secret), file("wrong", "another secret")
	flags := func(endpoint, bucket, secretFile string) []string {
		return []string{"--s3-endpoint", endpoint, "--s3-bucket", bucket, "--s3-tls=false", "--s3-access-key-file", accessFile, "--s3-secret-key-file", secretFile,
			"--s3-retention-mode", "COMPLIANCE", "--s3-retention-period", "1d"}
	}
	data := filepath.Join(dir, "data")
	outside := func(command, endpoint, bucket, secretFile string, more ...string) stage.Done {
		args := append([]string{command, "--data", data}, flags(endpoint, bucket, secretFile)...)
		return stage.Run(t, exec.Command(stage.Build(t).Custodyd, append(args, more...)...))
	}
	for _, c := range []struct {
		name, endpoint, bucket, secret string
		code                           int
		says                           string
	}{
		{"a safe store", config.Endpoint, locked, secretFile, 0, "ok         legal-hold"},
		{"a bucket without Object Lock", config.Endpoint, unlocked, secretFile, 1, "refused    bucket-lock"},
		{"no bucket", config.Endpoint, "nobody-made-this", secretFile, 1, `no bucket "nobody-made-this"`},
		{"another key", config.Endpoint, locked, wrongFile, 1, "signature"},
		{"nobody there", "127.0.0.1:1", locked, secretFile, 1, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			done := outside("check-store", c.endpoint, c.bucket, c.secret)
			if said := string(done.Stdout) + string(done.Stderr); done.Code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit %d, want %d and %q:\n%s", done.Code, c.code, c.says, said)
			}
			if strings.Contains(string(done.Stdout)+string(done.Stderr), secret) {
				t.Error("it tells the secret")
			}
		})
	}
	if there, err := raw.BucketExists(t.Context(), "nobody-made-this"); err != nil || there {
		t.Errorf("the check made a bucket: %v, %v", there, err)
	}
	t.Run("as JSON", func(t *testing.T) {
		done := outside("check-store", config.Endpoint, unlocked, secretFile, "--json")
		var got struct {
			OK     bool
			Checks []vault.Finding
		}
		if err := json.Unmarshal(done.Stdout, &got); err != nil || got.OK || len(got.Checks) != 10 || done.Code != 1 {
			t.Errorf("exit %d, %v:\n%s", done.Code, err, done.Stdout)
		}
	})
	t.Run("serve refuses what check-store does", func(t *testing.T) {
		done := outside("serve", config.Endpoint, unlocked, secretFile, "--listen", "127.0.0.1:0")
		if done.Code != 1 || !strings.Contains(string(done.Stderr), "store is not safe for evidence: bucket-") {
			t.Errorf("exit %d:\n%s%s", done.Code, done.Stdout, done.Stderr)
		}
	})
	t.Run("a log's bucket is not made anew", func(t *testing.T) {
		first := bucket() // for a new log, serve makes it
		stage.ServeProcess(t, data, flags(config.Endpoint, first, secretFile)...).Interrupt(t)
		done := outside("serve", config.Endpoint, "a-bucket-that-vanished", secretFile, "--listen", "127.0.0.1:0")
		if done.Code != 1 || !strings.Contains(string(done.Stderr), `the bucket "a-bucket-that-vanished" of its evidence is gone`) {
			t.Errorf("exit %d:\n%s%s", done.Code, done.Stdout, done.Stderr)
		}
		if there, err := raw.BucketExists(t.Context(), "a-bucket-that-vanished"); err != nil || there {
			t.Errorf("it was made anew: %v, %v", there, err)
		}
		stage.ServeProcess(t, data, flags(config.Endpoint, first, secretFile)...).Interrupt(t)
	})
}
