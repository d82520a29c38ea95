package dossier_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal/sealtest"
	"github.com/evidence-custody/custodyd/evidence"
)

// contentVector changes files of "3-events" in whole.json: a path with null is
// left out, the manifests are made anew and the zip is in its one form.
type contentVector struct {
	Name  string             `json:"name"`
	Rule  string             `json:"rule"`
	Files map[string]*string `json:"files"`
}

// rebuild applies changes to a dossier's files.
func rebuild(t testing.TB, good []byte, changes map[string]*string) []byte {
	t.Helper()
	_, files := stdFiles(t, good)
	for path, c := range changes {
		delete(files, path)
		if c != nil {
			files[path] = []byte(*c)
		}
	}
	sums := func(manifest string, of func(name string) bool) {
		var b strings.Builder
		for _, n := range slices.Sorted(maps.Keys(files)) {
			if of(n) {
				fmt.Fprintf(&b, "%s  %s\n", evidence.Sum(files[n]), n)
			}
		}
		files[manifest] = []byte(b.String())
	}
	delete(files, "tagmanifest-sha256.txt")
	sums("manifest-sha256.txt", func(n string) bool { return strings.HasPrefix(n, "data/") })
	sums("tagmanifest-sha256.txt", func(n string) bool { return !strings.HasPrefix(n, "data/") })
	var entries []forged
	for _, n := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, forged{name: n, content: files[n]})
	}
	return forge(entries)
}

func contentVectors(t *testing.T, good []byte) []contentVector {
	_, files := stdFiles(t, good)
	const first, second = "data/events/000000000001.sigstore.json", "data/events/000000000003.sigstore.json"
	bundle := string(files[first])
	const proof = "c2sp.org/tlog-proof@v1\nindex 1\n"
	officer := "data/keys/" + sealtest.Public(t, "officer").ID().String() + ".pem"
	thief := sealtest.Public(t, "thief")
	x := evidence.Sum([]byte("x")).String()
	change := func(name, rule, path string, content string) contentVector {
		return contentVector{name, rule, map[string]*string{path: &content}}
	}
	without := func(name, rule, path string) contentVector {
		return contentVector{name, rule, map[string]*string{path: nil}}
	}
	edit := func(name, rule, path, old, new string) contentVector {
		if strings.Count(string(files[path]), old) < 1 {
			t.Fatalf("%s: no %q in %s", name, old, path)
		}
		return change(name, rule, path, strings.Replace(string(files[path]), old, new, 1))
	}
	moved := change("bundle-under-another-number", dossier.RuleCanonical, "data/events/000000000002.sigstore.json", bundle)
	moved.Files[first] = nil
	return []contentVector{
		{"unchanged", "ok", map[string]*string{}},
		change("file-at-root", dossier.RuleLayout, "fetch.txt", ""),
		change("file-in-data", dossier.RuleLayout, "data/note.txt", "x"),
		change("file-climbing", dossier.RuleLayout, "data/../../x", "x"),
		change("document-climbing", dossier.RuleLayout, "data/documents/../../x.json", "x"),
		change("event-climbing", dossier.RuleFile, "data/events/../x", bundle),
		change("attachment-climbing", dossier.RuleLayout, "data/attachments/../x", "x"),
		change("attachment-nested", dossier.RuleLayout, "data/attachments/a/b", "x"),
		change("attachment-device", dossier.RuleLayout, "data/attachments/nul.txt", "x"),
		change("attachment-folded", dossier.RuleLayout, "data/attachments/REPORT.json", "x"),
		without("no-log", dossier.RuleLayout, "data/log/log.json"),
		without("no-checkpoint", dossier.RuleLayout, "data/log/checkpoint.txt"),
		without("no-scope", dossier.RuleCanonical, "data/scope.json"),
		without("no-readme", dossier.RuleCanonical, "data/README.txt"),
		without("no-bagit", dossier.RuleCanonical, "bagit.txt"),
		without("no-key", dossier.RuleBundle, officer),
		change("key-of-nobody", dossier.RuleCanonical, "data/keys/"+thief.ID().String()+".pem", string(thief.PEM())),
		change("key-in-anothers-name", dossier.RuleBundle, officer, string(thief.PEM())),
		change("key-not-pem", dossier.RuleFile, officer, "key"),
		change("key-too-long", dossier.RuleLimit, officer, strings.Repeat("x", 64<<10+1)),
		edit("readme-changed", dossier.RuleCanonical, "data/README.txt", "CUSTODY", "Custody"),
		edit("scope-space", dossier.RuleCanonical, "data/scope.json", ",", ", "),
		edit("scope-case-variant", dossier.RuleCanonical, "data/scope.json", `"items"`, `"ITEMS"`),
		edit("scope-unknown-member", dossier.RuleFile, "data/scope.json", `{`, `{"all":true,`),
		change("scope-upper-case-digest", dossier.RuleFile, "data/scope.json", `{"case":"`+strings.ToUpper(x)+`","items":[]}`),
		change("scope-items-null", dossier.RuleFile, "data/scope.json", `{"case":"`+x+`","items":null}`),
		change("scope-items-twice", dossier.RuleFile, "data/scope.json", `{"case":"`+x+`","items":["`+x+`","`+x+`"]}`),
		edit("log-space", dossier.RuleFile, "data/log/log.json", ",", ", "),
		edit("checkpoint-extension", dossier.RuleFile, "data/log/checkpoint.txt", "\n\n", "\nextension\n\n"),
		edit("checkpoint-leading-zero", dossier.RuleFile, "data/log/checkpoint.txt", "\n", "\n0"),
		edit("checkpoint-of-other-size", dossier.RuleBundle, "data/log/checkpoint.txt", "\n", "\n1"),
		change("consistency-name", dossier.RuleLayout, "data/log/consistency/2.txt", ""),
		change("consistency-13-digits", dossier.RuleFile, "data/log/consistency/1000000000000.txt", ""),
		change("consistency-not-base64", dossier.RuleFile, "data/log/consistency/000000000003.txt", "hash\n"),
		change("consistency-no-newline", dossier.RuleCanonical, "data/log/consistency/000000000003.txt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
		change("consistency-long", dossier.RuleFile, "data/log/consistency/000000000003.txt", strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 129)),
		change("document-in-anothers-name", dossier.RuleFile, "data/documents/"+x+".json", "y"),
		change("manifest-in-anothers-name", dossier.RuleFile, "data/documents/"+x+".txt", x+"  a.E01\n"+x+"  a.E02\n"),
		change("manifest-under-the-suffix-of-json", dossier.RuleCanonical, "data/documents/"+evidence.Sum([]byte(x+"  a.E01\n"+x+"  a.E02\n")).String()+".json", x+"  a.E01\n"+x+"  a.E02\n"),
		change("document-without-suffix", dossier.RuleCanonical, "data/documents/"+x, "x"),
		change("document-upper-case", dossier.RuleLayout, "data/documents/"+strings.ToUpper(x)+".json", "x"),
		change("detail-in-anothers-name", dossier.RuleFile, "data/details/"+x+".json", "y"),
		change("blocks-not-hashes", dossier.RuleFile, "data/blocks/"+x+".bin", "y"),
		change("timestamp-in-anothers-name", dossier.RuleFile, "data/log/times/"+x+".tsr", "y"),
		change("timestamp-too-long", dossier.RuleLimit, "data/log/times/"+evidence.Sum(make([]byte, 16<<10+1)).String()+".tsr", strings.Repeat("\x00", 16<<10+1)),
		change("older-under-another-size", dossier.RuleFile, "data/log/checkpoints/000000000001.txt", string(files["data/log/checkpoint.txt"])),
		change("older-name", dossier.RuleLayout, "data/log/checkpoints/1.txt", "x"),
		change("one-proof-alone", dossier.RuleCanonical, "data/proofs/000000000001.tlog-proof", proof),
		change("proof-of-nothing", dossier.RuleCanonical, "data/proofs/000000000002.tlog-proof", proof),
		edit("bundle-timestamps-empty", dossier.RuleBundle, first, `"},"tlogEntries"`, `"},"timestampVerificationData":{"rfc3161Timestamps":[]},"tlogEntries"`),
		edit("bundle-timestamps-unsorted", dossier.RuleBundle, first, `"},"tlogEntries"`, `"},"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"Ag=="},{"signedTimestamp":"AQ=="}]},"tlogEntries"`),
		edit("bundle-space", dossier.RuleBundle, first, ",", ", "),
		edit("bundle-unknown-member", dossier.RuleBundle, first, "{", `{"note":1,`),
		edit("bundle-duplicate-member", dossier.RuleBundle, first, "{", `{"mediaType":"x",`),
		edit("bundle-case-variant", dossier.RuleBundle, first, `"mediaType"`, `"mediatype"`),
		edit("bundle-media-type", dossier.RuleBundle, first, "bundle.v0.3", "bundle.v0.4"),
		edit("bundle-payload-type", dossier.RuleBundle, first, "vnd.in-toto", "vnd.other"),
		edit("bundle-keyid", dossier.RuleBundle, first, `"keyid":""`, `"keyid":"a"`),
		edit("bundle-two-signatures", dossier.RuleBundle, first, `"signatures":[`, `"signatures":[{"keyid":"","sig":"AA=="},`),
		edit("bundle-no-signature", dossier.RuleBundle, first, `"sig":"`, `"sig":"","was":"`),
		edit("bundle-other-index", dossier.RuleBundle, first, `"logIndex":"1"`, `"logIndex":"2"`),
		edit("bundle-index-leading-zero", dossier.RuleBundle, first, `"logIndex":"1"`, `"logIndex":"01"`),
		edit("bundle-other-size", dossier.RuleBundle, first, `"treeSize":"`, `"treeSize":"1`),
		edit("bundle-short-hash", dossier.RuleBundle, first, `"hashes":["`, `"hashes":["AAAA","`),
		edit("bundle-other-log-id", dossier.RuleBundle, first, `"logId":{"keyId":"`, `"logId":{"keyId":"AAAA`),
		change("bundle-twice", dossier.RuleFile, second, bundle),
		moved,
		change("bundle-not-json", dossier.RuleBundle, first, "x"),
		change("bundle-too-long", dossier.RuleLimit, first, bundle+strings.Repeat(" ", 1<<20)),
	}
}

func TestContentVectors(t *testing.T) {
	good := encode(t, sample(t, 3))
	if !bytes.Equal(rebuild(t, good, nil), good) {
		t.Fatal("a rebuilt dossier is another")
	}
	made := contentVectors(t, good)
	for i := range made { // keep the stored vectors small
		for path, c := range made[i].Files {
			if c != nil && len(*c) > 20_000 {
				if _, err := decode(rebuild(t, good, made[i].Files)); ruleOf(err) != made[i].Rule {
					t.Errorf("%s: %v", made[i].Name, err)
				}
				made[i].Files[path] = nil
				made[i].Name = ""
			}
		}
	}
	made = slices.DeleteFunc(made, func(v contentVector) bool { return v.Name == "" })
	for _, v := range sealtest.Vectors(t, "dossier/contents.json", made) {
		if _, err := decode(rebuild(t, good, v.Files)); ruleOf(err) != v.Rule {
			t.Errorf("%s: got %v, want %s", v.Name, err, v.Rule)
		}
	}
}
