package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/evidence"
)

var passphrase = []byte("a passphrase of a test")

// sit gives a person a key, a home and a desk.
func sit(t *testing.T, f *fakeService, name string) *Desk {
	t.Helper()
	home, err := keyring.OpenHome(filepath.Join(t.TempDir(), name), time.Now())
	must(t, err)
	key, err := home.Keys.Create(name, passphrase, keyring.Meta{Created: time.Unix(1772000000, 0).UTC()})
	must(t, err)
	d := f.desk(home, key)
	d.Ring = home.Keys
	return d
}

var spare = map[string]keyring.Key{}

// sitQuickly is sit with a key of an earlier test, and nothing remembered
// beside it: protecting a key with a passphrase takes its time.
func sitQuickly(t *testing.T, f *fakeService, name string) *Desk {
	t.Helper()
	key, ok := spare[name]
	if !ok {
		key = *sit(t, newFake(t), name).Key
		spare[name] = key
	}
	home, err := keyring.OpenHome(filepath.Join(t.TempDir(), name), time.Now())
	must(t, err)
	return f.desk(home, &key)
}

func (f *fakeService) desk(home *keyring.Home, key *keyring.Key) *Desk {
	now := time.Date(2026, 3, 3, 9, 0, 0, 0, time.FixedZone("", 5*3600))
	return &Desk{Service: f, Key: key, Outbox: home.Outbox, Seen: home.Seen, Server: "http://127.0.0.1:8440",
		Clock: func() time.Time { now = now.Add(time.Second); return now }, Rand: rand.Reader, State: filepath.Join(home.Dir, "uploads")}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cast is the people of the tests, at a case with one exhibit.
type cast struct {
	f                                           *fakeService
	agency, laboratory, officer, clerk, analyst *Desk
	matter                                      evidence.Digest
	exhibit                                     evidence.Digest
}

func enrolled(t *testing.T, d, root *Desk, rights ...custody.Right) *Desk {
	t.Helper()
	ctx, name := context.Background(), d.Key.Name
	_, err := d.RequestKey(ctx, KeyRequest{Organisation: root.Key.Organisation, Person: map[string]string{"name": "علی " + name}})
	must(t, err)
	if _, err := d.Enroll(ctx); !errors.Is(err, ErrNotCertified) {
		t.Fatalf("enrolled before it was certified: %v", err)
	}
	_, err = root.CertifyKey(ctx, Certification{Key: d.Key.KeyID(), Rights: rights})
	must(t, err)
	_, err = d.Enroll(ctx)
	must(t, err)
	return d
}

func newCast(t *testing.T) *cast { return castOf(t, sitQuickly) }

type seat func(*testing.T, *fakeService, string) *Desk

func castOf(t *testing.T, sit seat) *cast {
	t.Helper()
	ctx := context.Background()
	c := &cast{f: newFake(t)}
	c.agency, c.laboratory = sit(t, c.f, "agency-root"), sit(t, c.f, "lab-root")
	enrolled := func(root *Desk, name string, rights ...custody.Right) *Desk {
		return enrolled(t, sit(t, c.f, name), root, rights...)
	}
	_, err := c.agency.FoundOrganisation(ctx, Founding{Name: "Cyber Crime Wing", Class: custody.OrgAgency})
	must(t, err)
	_, err = c.laboratory.FoundOrganisation(ctx, Founding{Name: "Forensic Laboratory", Class: custody.OrgLaboratory})
	must(t, err)
	c.officer = enrolled(c.agency, "officer", custody.RightInvestigate, custody.RightHold)
	c.clerk = enrolled(c.agency, "clerk", custody.RightHold)
	c.analyst = enrolled(c.laboratory, "analyst", custody.RightExamine)
	published, err := ReadPublished(ctx, c.f)
	must(t, err)
	policy, err := published.MakePolicy()
	must(t, err)
	for _, d := range []*Desk{c.officer, c.clerk, c.analyst} {
		d.Policy = policy
	}
	opened, err := c.officer.OpenCase(ctx, Opening{Fields: map[string]string{"title": "State v. unknown"}})
	must(t, err)
	c.matter = opened.Case
	item, err := c.officer.RegisterItem(ctx, c.registration())
	must(t, err)
	c.exhibit = item.Item
	return c
}

func (c *cast) registration() Registration {
	return Registration{Case: c.matter, Class: custody.ItemDevice, Fields: map[string]string{"exhibit": "FB/1/1", "description": "phone"},
		Seals: []custody.SealNumber{"A-2", "A-1"}, Witnesses: []map[string]string{{"name": "Bilal"}, {"name": "Sana"}},
		Telling: Telling{Details: map[custody.Field]string{custody.FieldPlace: "House 7"}}}
}

func (c *cast) to(d *Desk) custody.Recipient {
	person := d.Key.Person
	return custody.Recipient{Org: d.Key.Organisation, Person: &person}
}

func image(t *testing.T, blocks float64) (path string, content []byte) {
	t.Helper()
	content = make([]byte, int(blocks*evidence.BlockSize))
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	path = filepath.Join(t.TempDir(), "تصویر.dd")
	must(t, os.WriteFile(path, content, 0o600))
	return path, content
}

func (c *cast) deposit(t *testing.T, path string) Deposited {
	t.Helper()
	d, err := c.officer.Deposit(context.Background(), Depositing{Path: path, Case: c.matter, Parent: &c.exhibit})
	must(t, err)
	return d
}

// TestTheWholeStory plays everybody's part and holds the log to it.
func TestTheWholeStory(t *testing.T) {
	ctx := context.Background()
	c := castOf(t, sit)
	path, content := image(t, 2.3)
	put := c.deposit(t, path)
	if put.Artifact.SHA256 != evidence.Sum(content) || put.Artifact.Size != uint64(len(content)) {
		t.Errorf("deposited %+v", put.Artifact)
	}
	_, err := c.officer.Release(ctx, Release{Items: []Handing{{Item: c.exhibit}}, To: c.to(c.clerk), Purpose: custody.PurposeStorage})
	must(t, err)
	if _, err := c.officer.Accept(ctx, Acceptance{Items: []Handing{{Item: c.exhibit}}}); !errors.Is(err, ErrNotRecipient) {
		t.Errorf("accepted by another: %v", err)
	}
	_, err = c.officer.Recall(ctx, Recalling{Items: []evidence.Digest{c.exhibit}})
	must(t, err)
	_, err = c.officer.Release(ctx, Release{Items: []Handing{{Item: c.exhibit}}, To: c.to(c.clerk), Purpose: custody.PurposeStorage})
	must(t, err)
	_, err = c.clerk.Decline(ctx, Declination{Items: []evidence.Digest{c.exhibit}, Reason: custody.DeclineSeal})
	must(t, err)
	_, err = c.officer.Release(ctx, Release{Items: []Handing{{Item: c.exhibit}, {Item: put.Item}}, To: c.to(c.clerk), Purpose: custody.PurposeStorage})
	must(t, err)
	_, err = c.clerk.Accept(ctx, Acceptance{Items: []Handing{{Item: c.exhibit}}}) // in part
	must(t, err)
	_, err = c.clerk.Accept(ctx, Acceptance{Items: []Handing{{Item: put.Item}}})
	must(t, err)
	if got := c.f.story.Item(c.exhibit); got.Holder != c.clerk.Identity() || len(got.Seals) != 2 {
		t.Errorf("the exhibit stands at %+v", got)
	}
	if _, err := c.analyst.RequestAccess(ctx, Reading{Item: put.Item, Purpose: custody.PurposeExamination}); !errors.Is(err, ErrNotHolder) {
		t.Errorf("access without a grant: %v", err)
	}
	_, err = c.clerk.Grant(ctx, Granting{Case: c.matter, Items: []evidence.Digest{put.Item}, To: c.to(c.analyst), Scope: custody.ScopeBytes})
	must(t, err)
	out := filepath.Join(t.TempDir(), "copy.dd")
	got, err := c.analyst.Retrieve(ctx, Retrieval{Path: out, Reading: Reading{Item: put.Item, Purpose: custody.PurposeExamination}})
	must(t, err)
	if b, _ := os.ReadFile(out); !bytes.Equal(b, content) {
		t.Error("the retrieved file differs")
	}
	_, err = c.analyst.RecordVerification(ctx, got, Telling{})
	must(t, err)
	filed, err := c.analyst.FileOpinion(ctx, Filing{Case: c.matter, Items: []evidence.Digest{put.Item},
		Telling: Telling{Details: map[custody.Field]string{custody.FieldOpinion: "Not altered."}}})
	must(t, err)
	if filed.Capacity != custody.Section40 {
		t.Errorf("capacity %s, want section-40", filed.Capacity)
	}
	_, err = c.analyst.Correct(ctx, Correcting{Case: c.matter, Corrects: filed.EventID,
		Telling: Telling{Details: map[custody.Field]string{custody.FieldOpinion: "Not altered since seizure."}}})
	must(t, err)
	c.f.reader = c.officer.Identity()
	issued, err := c.officer.RequestReport(ctx, c.matter, nil)
	must(t, err)
	if string(issued.Files["report.pdf"]) != "pdf" {
		t.Errorf("report files %v", issued.Files)
	}
	_, err = c.agency.RevokeKey(ctx, Revocation{Key: c.clerk.Key.KeyID(), Reason: custody.ReasonLeft})
	must(t, err)
	for _, d := range []*Desk{c.agency, c.officer, c.clerk, c.analyst} {
		if left, err := d.Outbox.Pending(); err != nil || len(left) != 0 {
			t.Errorf("%s has %d events pending, %v", d.Key.Name, len(left), err)
		}
	}
	// What was remembered beside the key is what the next start needs.
	k, err := c.officer.Ring.Open("officer", keyring.Fixed(passphrase))
	must(t, err)
	if k.Meta != c.officer.Key.Meta || k.Cert.IsZero() || k.Person.IsZero() || k.Log.IsZero() {
		t.Errorf("remembered %+v", k.Meta)
	}
}

// TestAssumption plays the one way around a holder who cannot sign.
func TestAssumption(t *testing.T) {
	ctx := context.Background()
	c := newCast(t)
	second := enrolled(t, sitQuickly(t, c.f, "second"), c.agency, custody.RightApprove)
	second.Policy = c.officer.Policy
	items := []evidence.Digest{c.exhibit}
	approval, err := second.Approve(ctx, Approval{Items: items, For: c.clerk.Identity()})
	must(t, err)
	_, err = c.clerk.Assume(ctx, Assumption{Items: []Handing{{Item: c.exhibit}}, Approval: approval.Leaf, Authority: custody.AssumeAbsence})
	must(t, err)
	if got := c.f.story.Item(c.exhibit).Holder; got != c.clerk.Identity() {
		t.Errorf("held by %+v", got)
	}
}
