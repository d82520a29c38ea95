package hostile

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/integration/stage"
)

func asError(err error, no **client.Error) bool { return errors.As(err, no) }

// TestNotTheCustodian has a colleague of the same agency release what the
// investigator holds.
func TestNotTheCustodian(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	item := c.Investigator.Register(t, kase)
	colleague := c.Enrol(t, c.Agency, "Colleague", custody.RightInvestigate, custody.RightHold)
	release := &custody.Released{Items: handed(item), Purpose: custody.PurposeExamination, To: custody.Recipient{Org: c.Lab.ID()}}
	nothing(t, func() {
		refused(t, submit(t, colleague, stage.Draft(t, colleague, release)), 422, "rule-refused", "custody.not-holder")
	})
	// The custodian's own event, submitted by somebody else.
	st := stage.Draft(t, c.Investigator, release)
	nothing(t, func() {
		refused(t, send(t, colleague, stage.Seal(t, c.Investigator.Desk.Key, st)), 403, "forbidden", "signer.not-caller")
	})
	// Somebody else's signature under the custodian's name.
	nothing(t, func() {
		refused(t, send(t, c.Investigator, stage.Seal(t, colleague.Desk.Key, st)), 422, "rule-refused", "signature-invalid")
	})
	// In transit nobody but the two sides moves it, and the giver can't give twice.
	if err := submit(t, c.Investigator, st); err != nil {
		t.Fatal(err)
	}
	nothing(t, func() {
		refused(t, submit(t, c.Investigator, stage.Draft(t, c.Investigator, release)), 422, "rule-refused", "custody.in-transit")
		accept := &custody.Accepted{Items: handed(item)}
		it, err := c.Investigator.Desk.VerifyItems(stage.Context(t), item)
		if err != nil {
			t.Fatal(err)
		}
		err = submit(t, colleague, stage.Draft(t, colleague, accept, *it.Item(item).Release))
		var no *client.Error
		if !asError(err, &no) || no.Status != 422 || !strings.HasPrefix(no.Problem.Rule, "custody.") {
			t.Errorf("somebody else's acceptance: %v", err)
		}
	})
}

// TestStale signs twice on the same head.
func TestStale(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	item := c.Investigator.Register(t, kase)
	release := &custody.Released{Items: handed(item), Purpose: custody.PurposeExamination, To: custody.Recipient{Org: c.Lab.ID()}}
	first, second := stage.Draft(t, c.Investigator, release), stage.Draft(t, c.Investigator, release)
	if err := submit(t, c.Investigator, first); err != nil {
		t.Fatal(err)
	}
	head, ok, err := c.Investigator.Desk.Service.Chain(stage.Context(t), item)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	nothing(t, func() {
		p := refused(t, submit(t, c.Investigator, second), 409, "stale-chain", "")
		if len(p.Heads) != 1 || p.Heads[0].Id != item.String() || p.Heads[0].Leaf != head.Leaf.String() || uint64(p.Heads[0].Seq) != head.Seq {
			t.Errorf("the heads told are %+v; the item's is leaf %s at %d", p.Heads, head.Leaf, head.Seq)
		}
	})
	// Two at the same moment: one gets in.
	kase2 := c.Investigator.OpenCase(t)
	item2 := c.Investigator.Register(t, kase2)
	var taken, stale atomic.Int64
	var wg sync.WaitGroup
	drafts := make([]*custody.Statement, 8)
	for i := range drafts {
		drafts[i] = stage.Draft(t, c.Investigator, &custody.Released{Items: handed(item2), Purpose: custody.PurposeExamination, To: custody.Recipient{Org: c.Lab.ID()}})
	}
	for _, st := range drafts {
		wg.Go(func() {
			err := submit(t, c.Investigator, st)
			var no *client.Error
			switch {
			case err == nil:
				taken.Add(1)
			case asError(err, &no) && no.Status == 409 && no.Problem.Code == "stale-chain" && len(no.Problem.Heads) == 1:
				stale.Add(1)
			default:
				t.Errorf("neither taken nor stale: %v", err)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 || stale.Load() != 7 {
		t.Errorf("of eight releases of one item %d were taken, %d stale", taken.Load(), stale.Load())
	}
}

// TestServicesPart: a person's statement is never the service's observation.
func TestServicesPart(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	item := c.Investigator.Register(t, kase)
	nothing(t, func() {
		st := stage.Draft(t, c.Investigator, &custody.DepositRefused{About: item, Case: kase, Reason: custody.RefuseMismatch})
		st.Predicate.Signer = custody.Signer{Class: custody.ClassService, Key: c.Investigator.Desk.Key.KeyID()}
		err := submit(t, c.Investigator, st)
		var no *client.Error
		if !asError(err, &no) || no.Status != 403 && no.Status != 422 || no.Problem.Rule == "" {
			t.Errorf("the answer is %v", err)
		}
	})
}

// TestKeys: unknown keys and revoked ones.
func TestKeys(t *testing.T) {
	c := house(t)
	stranger := stage.Arrive(t, c.URL, "stranger", "")
	st, doc := opening(t, c.Investigator)
	st.Predicate.Signer.Key = stranger.Desk.Key.KeyID()
	env := stage.Seal(t, stranger.Desk.Key, st)
	nothing(t, func() {
		// An unknown key gets no token, and tells no more than a bad signature.
		refused(t, send(t, stranger, env, doc), 401, "unauthenticated", "assertion.signature")
		refused(t, send(t, c.Investigator, env, doc), 403, "forbidden", "signer.not-caller")
	})

	leaver := c.Enrol(t, c.Agency, "Leaver", custody.RightInvestigate, custody.RightHold)
	api := leaver.Client(t, c.URL) // with a token from before
	if _, err := api.Cases(stage.Context(t)); err != nil {
		t.Fatal(err)
	}
	st, doc = opening(t, leaver)
	env = stage.Seal(t, leaver.Desk.Key, st)
	if _, err := c.Agency.Desk.RevokeKey(stage.Context(t), desk.Revocation{Key: leaver.Desk.Key.KeyID(), Reason: custody.ReasonLeft}); err != nil {
		t.Fatal(err)
	}
	nothing(t, func() {
		_, _, err := api.AppendEvent(stage.Context(t), client.Submission{Envelope: env.JSON(), Documents: [][]byte{doc}})
		var no *client.Error
		if !asError(err, &no) || no.Status != 401 {
			t.Errorf("with the token from before: %v", err)
		}
		if err := send(t, leaver, env, doc); !asError(err, &no) || no.Status != 401 {
			t.Errorf("with a new token: %v", err)
		}
	})

	// A key that nobody certified yet.
	i, err := c.Agency.Desk.Invite(stage.Context(t), desk.InviteKey)
	if err != nil {
		t.Fatal(err)
	}
	waiting := stage.Arrive(t, c.URL, "waiting", i.Token)
	if _, err := waiting.Desk.RequestKey(stage.Context(t), desk.KeyRequest{Organisation: c.Agency.ID(), Person: map[string]string{"name": "Waiting"}}); err != nil {
		t.Fatal(err)
	}
	waiting.Reach(t, c.URL, "")
	st, doc = opening(t, c.Investigator)
	st.Predicate.Signer.Key = waiting.Desk.Key.KeyID() // under another's certificate
	nothing(t, func() {
		refused(t, send(t, waiting, stage.Seal(t, waiting.Desk.Key, st), doc), 422, "rule-refused", "signer.cert-other-key")
	})
}

// TestTokens uses one-time tokens and assertions twice.
func TestTokens(t *testing.T) {
	c := house(t)
	found := func(p *stage.Person, token string) error {
		p.Reach(t, c.URL, token)
		_, err := p.Desk.FoundOrganisation(stage.Context(t), desk.Founding{Name: "Another Agency", Class: custody.OrgAgency})
		return err
	}
	unauthenticated := func(what string, err error) {
		t.Helper()
		var no *desk.Answer
		if !errors.As(err, &no) || no.Status != http.StatusUnauthorized {
			t.Errorf("%s: %v", what, err)
		}
	}
	nothing(t, func() {
		p := stage.Arrive(t, c.URL, "second", "")
		unauthenticated("the first token again", found(p, shared.token))
		unauthenticated("an invented token", found(p, "inv_"+strings.Repeat("A", 43)))
		unauthenticated("no token", found(p, "nonsense"))
	})
	// Two use one token at the same moment.
	i, err := c.Agency.Desk.Invite(stage.Context(t), desk.InviteOrganisation)
	if err != nil {
		t.Fatal(err)
	}
	people := []*stage.Person{stage.Arrive(t, c.URL, "quick", ""), stage.Arrive(t, c.URL, "quicker", "")}
	before := size(t)
	var wg sync.WaitGroup
	errs := make([]error, len(people))
	for n, p := range people {
		wg.Go(func() { errs[n] = found(p, i.Token) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || size(t) != before+1 {
		t.Errorf("one token, and both: %v", errs)
	}
	// An invitation for a key founds no organisation.
	k, err := c.Agency.Desk.Invite(stage.Context(t), desk.InviteKey)
	if err != nil {
		t.Fatal(err)
	}
	var no *desk.Answer
	nothing(t, func() {
		if err := found(stage.Arrive(t, c.URL, "third", ""), k.Token); !errors.As(err, &no) || no.Status != http.StatusForbidden || no.Rule != "invite.other-act" {
			t.Errorf("an organisation founded with an invitation for a key: %v", err)
		}
	})
	// Who may not certify, may not invite.
	if _, err := c.Investigator.Desk.Invite(stage.Context(t), desk.InviteKey); !errors.As(err, &no) || no.Status != http.StatusForbidden {
		t.Errorf("an investigator invites: %v", err)
	}
	if _, err := c.Lab.Client(t, c.URL).Invite(stage.Context(t), wire.InvitationPurposeKey, new(c.Agency.ID())); err == nil {
		t.Error("a laboratory invites into an agency")
	}
}

// TestAssertions presents one assertion twice, and assertions for others.
func TestAssertions(t *testing.T) {
	c := house(t)
	log, err := c.Investigator.Desk.LogID(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(assertion string) int {
		t.Helper()
		res, err := http.PostForm(c.URL+"/v1/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	now := time.Now()
	good := c.Investigator.Assertion(t, log.String(), now, 2*time.Minute)
	if got := ask(good); got != 200 {
		t.Fatalf("a good assertion: %d", got)
	}
	for name, assertion := range map[string]string{
		"again":           good,
		"for another log": c.Investigator.Assertion(t, c.Agency.ID().String(), now, 2*time.Minute),
		"of yesterday":    c.Investigator.Assertion(t, log.String(), now.Add(-24*time.Hour), 2*time.Minute),
		"of tomorrow":     c.Investigator.Assertion(t, log.String(), now.Add(24*time.Hour), 2*time.Minute),
		"for an hour":     c.Investigator.Assertion(t, log.String(), now, time.Hour),
		"cut":             good[:len(good)-4],
		"nothing":         "",
	} {
		if got := ask(assertion); got != 401 && got != 400 {
			t.Errorf("an assertion %s: %d", name, got)
		}
	}
}
