// Package witnessing holds the service and its witnesses to each other: ours,
// run by the people's command in a process of its own, and litewitness of
// filippo.io/torchwood, which nobody here wrote. Both answer to the same cases,
// cosign the service's live log, and refuse what its keys sign beside it.
package witnessing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/witness"
	"github.com/evidence-custody/custodyd/custody/witness/witnesstest"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func TestMain(m *testing.M) { os.Exit(stage.Main(m)) }

// station is a witness in a process of its own, which can be stopped, killed
// and started again at the same address.
type station struct {
	witnesstest.Subject
	pin     func(t *testing.T, url, log string) (code int) // make the log served there known, by its id; ours alone
	command func() *exec.Cmd
	cmd     *exec.Cmd
	ended   chan struct{}
	said    *bytes.Buffer
}

func (s *station) start(t *testing.T) {
	t.Helper()
	s.cmd, s.ended, s.said = s.command(), make(chan struct{}), &bytes.Buffer{}
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	address := strings.TrimPrefix(s.URL, "http://")
	for range 600 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-s.ended:
			t.Fatalf("the witness ended: %s", s.said)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("the witness does not listen")
}

func (s *station) stop(t *testing.T, how os.Signal) {
	t.Helper()
	_ = s.cmd.Process.Signal(how)
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		_ = s.cmd.Process.Kill()
		t.Errorf("it does not stop on %s", how)
		<-s.ended
	}
}

func (s *station) peer(t *testing.T) witness.Peer {
	t.Helper()
	p, err := witness.ParsePeer(s.URL + " " + s.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ours is `custody witness serve`.
func ours(t *testing.T) *station {
	t.Helper()
	program, dir, address := stage.Build(t).Custody, filepath.Join(stage.Dir(t), "witness"), free(t)
	know := func(args ...string) []byte {
		done := stage.Run(t, exec.Command(program, append([]string{"witness", "add", "--json", "--name", "witness.example.org/ours", "--dir", dir}, args...)...))
		if done.Code != 0 {
			t.Fatalf("custody witness add: %s", done.Stderr)
		}
		return done.Stdout
	}
	var shown struct{ Key string }
	if err := json.Unmarshal(know("first.example.org", witnesstest.NewLog("first.example.org", 0, "", 0).VerifierKey()), &shown); err != nil {
		t.Fatal(err)
	}
	s := &station{Subject: witnesstest.Subject{URL: "http://" + address, Key: shown.Key, Strict: true,
		Know: func(t *testing.T, origin, key string) { t.Helper(); know(origin, key) }}}
	s.pin = func(t *testing.T, url, log string) int {
		t.Helper()
		return stage.Run(t, exec.Command(program, "witness", "add", "--dir", dir, "--log", url, "--fingerprint", log)).Code
	}
	s.command = func() *exec.Cmd {
		return exec.Command(program, "witness", "serve", "--dir", dir, "--listen", address)
	}
	s.start(t)
	t.Cleanup(func() { s.stop(t, os.Interrupt) })
	return s
}

// litewitness is the witness of filippo.io/torchwood v0.9.0, which
// CUSTODY_LITEWITNESS names. Its key is in an ssh-agent, its logs in SQLite,
// where its own witnessctl, which needs more modules, would put them too.
func litewitness(t *testing.T) *station {
	t.Helper()
	program := os.Getenv("CUSTODY_LITEWITNESS")
	if program == "" {
		stage.Lacks(t, "CUSTODY_LITEWITNESS names no litewitness (.ci/run builds it)")
	}
	agent, add, keygen, python := stage.Need(t, "ssh-agent"), stage.Need(t, "ssh-add"), stage.Need(t, "ssh-keygen"), stage.Need(t, "python3")
	dir, address := stage.Dir(t), free(t)
	key, socket, db := filepath.Join(dir, "key"), filepath.Join(dir, "agent"), filepath.Join(dir, "litewitness.db")
	run := func(env string, program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		if env != "" {
			cmd.Env = append(os.Environ(), env)
		}
		done := stage.Run(t, cmd)
		if done.Code != 0 {
			t.Fatalf("%s: %s%s", program, done.Stdout, done.Stderr)
		}
		return string(done.Stdout)
	}
	run("", keygen, "-q", "-t", "ed25519", "-N", "", "-C", "witness", "-f", key)
	keeper := exec.Command(agent, "-D", "-a", socket)
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = keeper.Process.Signal(syscall.SIGTERM)
		_ = keeper.Wait()
	})
	for range 200 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	run("SSH_AUTH_SOCK="+socket, add, "-q", key)
	fingerprint := strings.Fields(run("", keygen, "-l", "-E", "sha256", "-f", key+".pub"))[1]
	const name = "witness.example.org/lite"
	s := &station{Subject: witnesstest.Subject{URL: "http://" + address, Key: sshVerifierKey(t, name, key+".pub")}}
	s.Know = func(t *testing.T, origin, verifierKey string) {
		t.Helper()
		run("", python, "-c", `import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
with db:
    db.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (sys.argv[2], sys.argv[4]))
    db.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (sys.argv[2], sys.argv[3]))`,
			db, origin, verifierKey, base64.StdEncoding.EncodeToString(tlog.EmptyRoot[:]))
	}
	s.command = func() *exec.Cmd {
		return exec.Command(program, "-db", db, "-name", name, "-key", fingerprint, "-ssh-agent", socket, "-listen", address)
	}
	s.start(t)
	t.Cleanup(func() { s.stop(t, os.Interrupt) })
	return s
}

// sshVerifierKey makes the verifier key (C2SP tlog-cosignature) of an OpenSSH
// Ed25519 public key.
func sshVerifierKey(t *testing.T, name, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := base64.StdEncoding.DecodeString(strings.Fields(string(b))[1])
	if err != nil || len(blob) < ed25519.PublicKeySize {
		t.Fatalf("%s is no public key: %v", path, err)
	}
	raw := append([]byte{4}, blob[len(blob)-ed25519.PublicKeySize:]...)
	sum := evidence.Sum(append([]byte(name+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", name, sum[:4], base64.StdEncoding.EncodeToString(raw))
}

// logKey is the verifier key of a service's log.
func logKey(t *testing.T, document []byte) (origin, verifierKey string) {
	t.Helper()
	doc, err := custody.ParseLogDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseLogKey(doc.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := note.NewEd25519VerifierKey(doc.Origin, key)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Origin, vkey
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}
