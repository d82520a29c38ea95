package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/custody/verify/verifytest"
	"github.com/evidence-custody/custodyd/evidence"
)

// court is a story of every kind of event, its log, its dossier and a policy
// under which it is whole. Each test has its own.
type court struct {
	*rulingtest.Scene
	b *verifytest.Book
	d *dossier.Dossier
	p *verify.Policy
}

func sit(t testing.TB) *court {
	t.Helper()
	s := rulingtest.Everything(t)
	b := verifytest.Open(t, s.Story)
	return &court{s, b, b.Dossier(s.Case, s.Phone, s.Disk, s.Image), everybody(b, s)}
}

// again makes the dossier anew, after the book was written in.
func (c *court) again() { c.d = c.b.Dossier(c.Case, c.Phone, c.Disk, c.Image) }

// kind returns the position in the dossier of the first event of that kind.
func (c *court) kind(k custody.Kind) int {
	return slices.IndexFunc(c.d.Events, func(e dossier.Event) bool {
		st, err := custody.Decode(e.Envelope.Payload)
		return err == nil && st.Predicate.Kind == k
	})
}

// findingCase brings one finding about; want is the verdict it ends in.
type findingCase struct {
	name verify.Name
	want verify.Verdict
	make func(t *testing.T, c *court) *verify.Result
}

// on changes the dossier and verifies it under the policy.
func on(change func(t *testing.T, c *court)) func(t *testing.T, c *court) *verify.Result {
	return func(t *testing.T, c *court) *verify.Result {
		change(t, c)
		return run(t, c.p, c.d)
	}
}

func unchanged(*testing.T, *court) {}

func first[K comparable, V any](m map[K]V) K {
	for k := range m {
		return k
	}
	panic("empty")
}

var findingCases = []findingCase{
	{verify.DossierMalformed, verify.NotWhole, func(t *testing.T, c *court) *verify.Result {
		raw, err := c.d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		d, r, err := verify.Read(bytes.NewReader(raw), int64(len(raw)), dossier.DefaultLimits)
		if err != nil || d != nil || r == nil {
			t.Fatalf("%v, %v, %v", d, r, err)
		}
		return r
	}},
	{verify.LogDocument, verify.NotWhole, on(func(_ *testing.T, c *court) { c.d.Log = []byte("{}") })},
	{verify.LogUnpinned, verify.Open, on(func(_ *testing.T, c *court) { c.p.Logs[0].ID = evidence.Sum(nil) })},
	{verify.CheckpointInvalid, verify.NotWhole, on(func(_ *testing.T, c *court) {
		n := len(c.b.Sealed)
		c.d.Checkpoint = bytes.Replace(c.d.Checkpoint, fmt.Appendf(nil, "\n%d\n", n), fmt.Appendf(nil, "\n%d\n", n+1), 1)
	})},
	{verify.QuorumUnmet, verify.Open, on(func(_ *testing.T, c *court) {
		quorum := 1
		c.p.Quorum, c.p.Witnesses = &quorum, []verify.PolicyWitness{{Key: verifytest.NewWitness("w.example.org").VerifierKey()}}
	})},
	{verify.Unwitnessed, verify.Whole, on(unchanged)},
	{verify.Untimed, verify.Whole, on(unchanged)},
	{verify.TestLog, verify.Whole, on(unchanged)},
	{verify.CompleteTo, verify.Whole, on(unchanged)},
	{verify.CustodyGap, verify.Whole, on(unchanged)},
	{verify.DepositRefused, verify.Whole, on(unchanged)},
	{verify.SealDiffers, verify.Whole, on(unchanged)},
	{verify.OutsideScope, verify.Whole, on(unchanged)},
	{verify.BytesUnchecked, verify.Whole, on(unchanged)},
	{verify.GenesisMissing, verify.NotWhole, on(func(_ *testing.T, c *court) { c.d.Events = c.d.Events[1:] })},
	{verify.StatementInvalid, verify.NotWhole, on(func(t *testing.T, c *court) {
		sealed, err := c.Officer.Seal([]byte(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		c.b.Sealed = append(c.b.Sealed, sealed)
		c.again()
	})},
	{verify.SignatureInvalid, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.d.Events[3].Envelope.Signature = c.d.Events[4].Envelope.Signature
	})},
	{verify.SignerKeyOther, verify.NotWhole, on(func(t *testing.T, c *court) {
		payload, err := custody.Encode(c.Draft(c.Second, c.Release(rulingtest.To(c.Laboratory.ID), c.Disk)))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := c.Officer.Seal(payload)
		if err != nil {
			t.Fatal(err)
		}
		c.b.Sealed = append(c.b.Sealed, sealed)
		c.again()
	})},
	{verify.InclusionInvalid, verify.NotWhole, on(func(_ *testing.T, c *court) { c.d.Events[5].Proof = c.d.Events[6].Proof })},
	{verify.EventTwice, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.b.Sealed = append(c.b.Sealed, c.b.Sealed[c.d.Events[c.kind(custody.KindReleased)].Index])
		c.again()
	})},
	{verify.SeenInconsistent, verify.NotWhole, on(func(t *testing.T, c *court) {
		c.b.Draft(c.Story, c.Second, c.Release(rulingtest.To(c.Laboratory.ID), c.Disk), func(st *custody.Statement) {
			st.Predicate.Seen.Root = evidence.Sum([]byte("another history"))
		})
		c.again()
	})},
	{verify.SeenUnproven, verify.Open, on(func(_ *testing.T, c *court) {
		delete(c.d.Consistency, slices.Min(slices.Collect(maps.Keys(c.d.Consistency))))
	})},
	{verify.ChainFork, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.b.Draft(c.Story, c.Second, c.Release(rulingtest.To(c.Laboratory.ID), c.Disk), nil)
		c.b.Draft(c.Story, c.Second, c.Release(rulingtest.To(c.Court.ID), c.Disk), nil)
		c.again()
	})},
	{verify.ChainGap, verify.NotWhole, on(func(_ *testing.T, c *court) {
		i := c.kind(custody.KindDeclined)
		c.d.Events = slices.Delete(c.d.Events, i, i+1)
	})},
	{verify.RuleBroken, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.b.Draft(c.Story, c.Analyst, c.Release(rulingtest.To(c.Court.ID), c.Disk), nil)
		c.again()
	})},
	{verify.ScopeMissing, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.d.Scope.Items = custody.SortedIDs(append(c.d.Scope.Items, evidence.Sum([]byte("promised")))...)
	})},
	{verify.ScopeForeign, verify.NotWhole, on(func(_ *testing.T, c *court) { c.d = c.b.Dossier(c.Case, c.Foreign) })},
	{verify.DetailMismatch, verify.NotWhole, on(func(_ *testing.T, c *court) { c.d.Details[first(c.d.Details)] = []byte("{}") })},
	{verify.DocumentMismatch, verify.NotWhole, on(func(_ *testing.T, c *court) { c.d.Documents[c.Case] = []byte("{}") })},
	{verify.ContentUnreferenced, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.d.Details[evidence.Sum([]byte("smuggled"))] = []byte("smuggled")
	})},
	{verify.AttachmentUnrecorded, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.d.Attachments["report.pdf"] = []byte("another report")
	})},
	{verify.AttachmentUnrecorded, verify.NotWhole, on(func(t *testing.T, c *court) {
		s := rulingtest.NewScene(t)
		reports := [2]string{"what was found", "what was found later"}
		for _, words := range reports {
			s.Act(s.Service, &custody.ReportIssued{Case: s.Case, For: s.Clerk.Party, Items: []custody.ID{}, Over: s.Seen(),
				Files: custody.ReportFiles{JSON: evidence.Sum([]byte("json of " + words)), PDF: evidence.Sum([]byte(words))}})
		}
		last := uint64(len(s.Entries) - 1)
		c.d = verifytest.Open(t, s.Story).Dossier(s.Case, s.Phone, s.Disk, s.Image)
		c.d.Attachments[dossier.ReportFile(last, "pdf")] = []byte(reports[0]) // the earlier report, as the newest
	})},
	{verify.BlocksMismatch, verify.NotWhole, on(func(_ *testing.T, c *court) {
		c.d.Blocks[c.Bytes.SHA256] = evidence.JoinLeaves([]evidence.Digest{evidence.Sum(nil)})
	})},
	{verify.KeyContested, verify.Open, on(func(t *testing.T, c *court) {
		s := rulingtest.NewScene(t)
		since := uint64(len(s.Entries) - 3)
		s.Act(s.Certifier, &custody.KeyRevoked{CompromisedSince: &since, Key: s.Officer.ID(), Org: s.Agency.ID, Reason: custody.ReasonCompromised}, *s.Officer.Cert)
		c.d = verifytest.Open(t, s.Story).Dossier(s.Case, s.Phone, s.Disk, s.Image)
	})},
	{verify.OrgUnidentified, verify.Open, on(func(_ *testing.T, c *court) { c.p.Organisations = c.p.Organisations[:1] })},
	{verify.NoPolicy, verify.Open, func(t *testing.T, c *court) *verify.Result { return run(t, nil, c.d) }},
	{verify.Withheld, verify.Whole, on(func(_ *testing.T, c *court) { clear(c.d.Details) })},
	{verify.LabMismatch, verify.Whole, on(func(_ *testing.T, c *court) {
		request := c.Act(c.Visitor, c.Ask(), c.GrantLeaf)
		c.Act(c.Visitor, &custody.Verification{Artifact: c.Bytes.SHA256, Computed: rulingtest.Artifact("other bytes"), Item: c.Image, Result: custody.ResultMismatch}, request)
		c.b.Sealed = c.Sealed
		c.again()
	})},
	{verify.ServeFailed, verify.Whole, on(func(_ *testing.T, c *court) {
		request := c.Act(c.Visitor, c.Ask(), c.GrantLeaf)
		c.Act(c.Service, &custody.Served{Artifact: c.Bytes.SHA256, Bytes: 1, Item: c.Image, Outcome: custody.OutcomeFailed, Request: request}, request)
		c.b.Sealed = c.Sealed
		c.again()
	})},
	{verify.FixityFailed, verify.Whole, on(func(_ *testing.T, c *court) {
		c.Act(c.Service, &custody.FixityFailed{Artifact: c.Bytes.SHA256, Blocks: []uint64{}, Checked: 1, Count: 1, Item: c.Image, Reason: custody.FixityMissing})
		c.b.Sealed = c.Sealed
		c.again()
	})},
	{verify.ImageDamaged, verify.Whole, decoded(rulingtest.Broken(1))},
	{verify.ImageHashDiffers, verify.Whole, decoded(func() *custody.ImageFound {
		f := rulingtest.Decoded()
		f.Stored.SHA1 = strings.Repeat("0", 40)
		return f
	}())},
	{verify.ImageUnreadable, verify.Whole, decoded(nil)},
	{verify.ImageContradicted, verify.Whole, decoded(rulingtest.Decoded())}, // of an image that was deposited as raw
	{verify.TimesContradict, verify.Whole, on(func(t *testing.T, c *court) {
		c.b.Draft(c.Story, c.Second, c.Release(rulingtest.To(c.Laboratory.ID), c.Disk), func(st *custody.Statement) {
			at, err := custody.ParseTime("2026-01-01T00:00:00Z")
			if err != nil {
				t.Fatal(err)
			}
			st.Predicate.Times.Act.From = at
		})
		c.again()
	})},
	{verify.ReceptionMissing, verify.Whole, on(func(_ *testing.T, c *court) {
		b := c.Deposit(c.Case, nil, "never received", custody.RoleMaster)
		c.Act(c.Second, b)
		c.b.Sealed, c.b.Documents = c.Sealed, c.Documents
		c.d = c.b.Dossier(c.Case, b.Item)
	})},
	{verify.ConfirmedTo, verify.Whole, on(unchanged)},
	{verify.LogRecovered, verify.Open, on(func(t *testing.T, c *court) {
		s := rulingtest.Recovered(t)
		c.d = verifytest.Open(t, s.Story).Dossier(s.Case, s.Phone, s.Disk, s.Image)
	})},
	{verify.BytesMatch, verify.Whole, func(t *testing.T, c *court) *verify.Result {
		return run(t, c.p, c.d, verify.File{Name: "image", Reader: strings.NewReader("artifact:image")})
	}},
	{verify.BytesMismatch, verify.NotWhole, func(t *testing.T, c *court) *verify.Result {
		return run(t, c.p, c.d, verify.File{Name: "image", Reader: strings.NewReader("artifact:imagE")})
	}},
	{verify.LogFork, verify.NotWhole, func(t *testing.T, c *court) *verify.Result {
		s := rulingtest.NewScene(t)
		here, there := s.Apart(t), s.Apart(t)
		here.Act(s.Officer, here.Release(rulingtest.To(s.Laboratory.ID), s.Phone))
		there.Act(s.Officer, there.Release(rulingtest.To(s.Court.ID), s.Phone))
		a, b := verifytest.Open(t, here.Story).Dossier(s.Case, s.Phone), verifytest.Open(t, there.Story).Dossier(s.Case, s.Phone)
		wantVerdict(t, run(t, c.p, a), verify.Whole)
		wantVerdict(t, run(t, c.p, b), verify.Whole)
		r, err := verify.Dossiers(context.Background(), c.p, []*dossier.Dossier{a, b})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Has(verify.ChainFork) {
			t.Error("the two releases of one item are not called a fork of its chain")
		}
		return r
	}},
}

// TestFindingsInARichStory: among all that a story of every kind of event
// shows, each case's finding stands, with the verdict and exit code that it
// ends in. That every name has its case: TestGoldenVectors.
func TestFindingsInARichStory(t *testing.T) {
	exits := map[verify.Verdict]int{verify.Whole: 0, verify.Open: 1, verify.NotWhole: 3}
	for _, fc := range findingCases {
		t.Run(string(fc.name), func(t *testing.T) {
			r := fc.make(t, sit(t))
			if !r.Has(fc.name) {
				t.Errorf("not found among %v", r.Findings)
			}
			wantVerdict(t, r, fc.want)
			if got := r.Summary().Exit; got != exits[fc.want] {
				t.Errorf("exit %d, want %d", got, exits[fc.want])
			}
			for _, f := range r.Findings {
				if f.Severity != verify.Names()[f.Name] {
					t.Errorf("%s is graded %s", f.Name, f.Severity)
				}
			}
		})
	}
}

// decoded has the service say what it found in the scene's image, which was
// deposited as raw; nil: it couldn't decode it.
func decoded(f *custody.ImageFound) func(*testing.T, *court) *verify.Result {
	return on(func(_ *testing.T, c *court) {
		b := custody.ImageDecoded(c.Image, c.Bytes.SHA256, f)
		if f == nil {
			b.Reason = custody.UnreadableGeometry
		}
		for _, e := range c.Entries {
			if r, ok := e.Statement.Predicate.Body.(*custody.Received); ok && r.Item == c.Image {
				c.Act(c.Service, b, e.Leaf)
				break
			}
		}
		c.b.Sealed = c.Sealed
		c.again()
	})
}
