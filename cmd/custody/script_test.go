package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"custody": main,
	})
}

// TestScripts runs the command as a process: what it prints where, with which
// exit code, and what it leaves on disk.
func TestScripts(t *testing.T) {
	files, live := tellStory(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("CUSTODY_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("CUSTODY_PASSPHRASE_FILE", filepath.Join(env.WorkDir, "passphrase"))
			for _, name := range []string{"CUSTODY_KEY", "CUSTODY_SERVER", "CUSTODY_POLICY"} {
				env.Setenv(name, "")
			}
			env.Setenv("WITNESS", freeAddress(t))
			for name, value := range live {
				env.Setenv(name, value)
			}
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), content, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"flip": flip, "exits": exits, "accept": accept, "cosign": cosign,
		},
	})
}

// exits runs custody and compares its exit code: exits CODE ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGS...")
	}
	err := ts.Exec("custody", args[1:]...)
	got := "0"
	var exit interface{ ExitCode() int }
	if err != nil {
		var ok bool
		if exit, ok = err.(interface{ ExitCode() int }); !ok {
			ts.Fatalf("couldn't run custody: %v", err)
		}
		got = string(rune('0' + exit.ExitCode()))
	}
	if got != args[0] {
		ts.Fatalf("custody %v: exit %s, want %s", args[1:], got, args[0])
	}
}

// flip changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

// accept adds a policy under the fingerprint in a file: accept POLICY NAME FILE.
func accept(ts *testscript.TestScript, _ bool, args []string) {
	exits(ts, false, []string{"0", "policy", "add", args[0], "--name", args[1], "--fingerprint", ts.ReadFile(args[2])})
}

// tellStory makes a dossier, the image it is about, the agency's policy, a
// policy that does not name the agency, and a passphrase; and the story's log,
// live (serveLog).
func tellStory(t *testing.T) (files map[string][]byte, live map[string]string) {
	t.Helper()
	need := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const origin = "log.example.org"
	s := rulingtest.NewStoryOn(t, origin)
	agency := s.Organisation("agency", custody.OrgAgency)
	stranger := rulingtest.NewStoryOn(t, "other.example.org").Organisation("stranger", custody.OrgOther)
	officer := s.Person(agency, "officer", custody.RightHold, custody.RightInvestigate)
	matter := s.Case(officer, "State v. unknown")
	exhibit := s.Exhibit(officer, matter, "phone")
	image := s.Deposit(matter, &exhibit, "image", custody.RoleMaster)
	s.Act(officer, image, s.Custody(exhibit))

	seed := sha256.Sum256([]byte("log key " + origin))
	signer, err := tlog.NewLogSigner(origin, ed25519.NewKeyFromSeed(seed[:]))
	need(err)
	size, seen := s.Leaves.Size(), s.Seen()
	head, err := tlog.SignCheckpoint(tlog.Checkpoint{Origin: origin, Size: size, Root: seen.Root}, signer)
	need(err)
	_, logID := s.Log()
	d := &dossier.Dossier{Log: s.Documents[logID], Checkpoint: head, Scope: dossier.Scope{Case: matter, Items: custody.SortedIDs(exhibit, image.Item)},
		Consistency: map[uint64][]evidence.Digest{}, Documents: map[evidence.Digest][]byte{}}
	for i, e := range s.Entries {
		proof, err := tlog.ProveInclusion(size, e.Index, s.Leaves)
		need(err)
		d.Events = append(d.Events, dossier.Event{Index: e.Index, Envelope: s.Sealed[i].Envelope, Key: s.Sealed[i].Key, Proof: proof})
		if at := e.Statement.Predicate.Seen.Size; at > 0 {
			d.Consistency[at], err = tlog.ProveConsistency(at, size, s.Leaves)
			need(err)
		}
		for _, sub := range e.Statement.Subject {
			if b := s.Documents[sub.Digest.SHA256]; b != nil && sub.Digest.SHA256 != logID {
				d.Documents[sub.Digest.SHA256] = b
			}
		}
	}
	b, err := d.Encode()
	need(err)
	org := s.Documents[agency.ID]
	quorum := 0
	files = map[string][]byte{"passphrase": []byte("correct horse battery\n"), "dossier.zip": b, "image.dd": []byte("artifact:image"),
		"log.json": s.Documents[logID], "agency.json": org}
	for name, org := range map[string]*rulingtest.Org{"trust.json": agency, "stranger.json": stranger} {
		p := &verify.Policy{Format: verify.PolicyFormat, Logs: []verify.PolicyLog{{ID: logID, Origin: origin}}, Quorum: &quorum,
			Organisations: []verify.PolicyOrg{{ID: org.ID, Name: "the " + name}}}
		files[name], err = p.Encode()
		need(err)
		files[name+".sha256"] = []byte(evidence.Sum(files[name]).String())
	}
	live = serveLog(t, s, signer, files)
	files["log.json"], live["OFFICER"] = s.Documents[logID], officer.ID().String()
	live["VKEY"], err = note.NewEd25519VerifierKey(origin, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	need(err)
	return files, live
}
