package hostile

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// badNames are names that no file has.
var badNames = map[string]string{
	"a path": "../../etc/passwd", "absolute": "/etc/passwd", "a parent": "..", "this directory": ".", "a drive": `C:\evidence.dd`, "a newline": "a\nb.dd", "an escape": "a\x1b[2Jb",
	"a zero byte": "a\x00b", "reordered": "evil\u202Egpj.exe", "256 bytes": strings.Repeat("a", 256), "a line separator": "a\u2028b", "not UTF-8": "a\xffb",
}

// longUrdu is a name of exactly 255 bytes.
func longUrdu() string {
	name := strings.Repeat("ثبوت", 40)
	for len(name) > 251 {
		name = strings.TrimSuffix(name, string([]rune(name)[len([]rune(name))-1]))
	}
	for len(name) < 255 {
		name += "a"
	}
	return name
}

// TestFileNames: 255 bytes of Urdu are a name like others and come back as
// they were; what isn't a name is refused before anything is sent.
func TestFileNames(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	name := longUrdu()
	if len(name) != evidence.MaxFileName {
		t.Fatalf("the name has %d bytes", len(name))
	}
	d, err := c.Investigator.Desk.Deposit(stage.Context(t), desk.Depositing{Path: stage.File(t, 1000), Name: name, Case: kase})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Investigator.Desk.VerifyCase(stage.Context(t), kase)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Event(d.Leaf).Details[custody.FieldFileName]; got != name {
		t.Errorf("recorded is the name %q, deposited was %q", got, name)
	}
	out := filepath.Join(t.TempDir(), name)
	if _, err := c.Investigator.Desk.Retrieve(stage.Context(t), desk.Retrieval{Reading: desk.Reading{Item: d.Item, Purpose: custody.PurposeExamination}, Path: out}); err != nil {
		t.Error(err)
	}
	nothing(t, func() {
		for what, name := range badNames {
			if _, err := c.Investigator.Desk.Deposit(stage.Context(t), desk.Depositing{Path: stage.File(t, 1000), Name: name, Case: kase}); err == nil || !strings.Contains(err.Error(), "file name") {
				t.Errorf("%s: the desk takes it: %v", what, err)
			}
		}
	})
}

// TestFileNamesUnasked has a client sign such names and send them past the
// desk, which must not get them into the record.
func TestFileNamesUnasked(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	api := c.Investigator.Client(t, c.URL)
	content := random(t, 1000)
	m, _, err := evidence.Measure(strings.NewReader(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	for what, name := range badNames {
		nothing(t, func() {
			_, err := api.BeginUpload(stage.Context(t), kase, nil, int64(len(content)), name)
			var no *client.Error
			if name != strings.ToValidUTF8(name, "") {
				return // JSON can't carry it
			}
			if !asError(err, &no) || no.Status != 422 || no.Problem.Rule != "upload.file-name" {
				t.Errorf("%s: an upload begun with it is answered: %v", what, err)
			}
		})
		u, err := api.BeginUpload(stage.Context(t), kase, nil, int64(len(content)), "exhibit.dd")
		if err != nil {
			t.Fatal(err)
		}
		id, err := evidence.ParseDigest(u.Id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.PutPart(stage.Context(t), id, 1, section(content)); err != nil {
			t.Fatal(err)
		}
		doc, item := stage.Founding(t, custody.DocItem, map[string]string{"exhibit": "1"})
		detail, sum, err := (custody.Detail{Field: custody.FieldFileName, Value: name}).Encode()
		if err != nil {
			continue // can't even be written down
		}
		st := stage.Draft(t, c.Investigator, &custody.Deposited{Artifact: custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}, Case: kase, Item: item, Format: custody.FormatRaw, Role: custody.RoleMaster})
		st.Predicate.Details = map[custody.Field]custody.ID{custody.FieldFileName: sum}
		nothing(t, func() {
			_, _, err = api.FinishUpload(stage.Context(t), id, client.Submission{Envelope: stage.Seal(t, c.Investigator.Desk.Key, st).JSON(), Documents: [][]byte{doc}, Details: [][]byte{detail}})
			var no *client.Error
			if !asError(err, &no) || no.Status != 422 && no.Status != 400 || no.Problem.Rule == "" {
				t.Errorf("%s: the service answers %v", what, err)
			}
		})
	}
}
