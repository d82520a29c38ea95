package forgery

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestForgedEvents has the operator, with the database and every key of the
// server, write dossiers around a true story. Each is proven and signed as a
// true one is; none is whole under the policy.
func TestForgedEvents(t *testing.T) {
	m := newMatter(t, stage.Dir(t))
	f := newForger(t, m)
	policy := m.cast.Policy
	officer, analyst := m.cast.Investigator, m.cast.Analyst

	// The forger's work is good enough: nothing changed, it is whole.
	if res := judge(t, policy, f.seal(t, decode(t, m.zip))); res.Verdict != verify.Whole {
		t.Fatalf("the true story, sealed anew by the forger, is %s: %v", res.Verdict, against(res))
	}

	thiefKey, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	thief, err := seal.NewSigner(thiefKey)
	if err != nil {
		t.Fatal(err)
	}
	next := func(d *dossier.Dossier, env seal.Envelope, key seal.PublicKey) {
		d.Events = append(d.Events, dossier.Event{Index: uint64(len(f.leaves)), Envelope: env, Key: key})
	}
	release := func(by *stage.Person) *custody.Statement {
		return stage.Draft(t, by, &custody.Released{Items: []custody.HandedItem{{Item: m.item, Seals: []custody.SealNumber{"NCCIA-000417"}, State: custody.SealIntact}},
			Purpose: custody.PurposeStorage, To: custody.Recipient{Org: m.cast.Agency.ID()}})
	}
	for _, tt := range []struct {
		name  string
		want  verify.Name
		forge func(t *testing.T, d *dossier.Dossier)
	}{
		{"the analyst's release, signed by the service's key", verify.SignerKeyOther, func(t *testing.T, d *dossier.Dossier) {
			next(d, sign(t, f.service, release(analyst)), f.service.Public())
		}},
		{"the analyst's release, signed by the service's key, shown as the analyst's", verify.SignatureInvalid, func(t *testing.T, d *dossier.Dossier) {
			next(d, sign(t, f.service, release(analyst)), analyst.Desk.Key.Public())
		}},
		{"a release by the service itself", verify.StatementInvalid, func(t *testing.T, d *dossier.Dossier) {
			payload := bytes.Clone(stage.Seal(t, analyst.Desk.Key, release(analyst)).Payload)
			// No encoder of ours writes that: the words are changed in place.
			cert := analyst.Desk.Key.Cert.String()
			payload = bytes.Replace(payload, []byte(`"signer":{"cert":"`+cert+`","class":"person","key":"`+analyst.Desk.Key.KeyID().String()), []byte(`"signer":{"class":"service","key":"`+f.service.Public().ID().String()), 1)
			env, err := f.service.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			next(d, env, f.service.Public())
		}},
		{"a thief's release under the analyst's certificate", verify.RuleBroken, func(t *testing.T, d *dossier.Dossier) {
			st := release(analyst)
			st.Predicate.Signer.Key = thief.Public().ID()
			next(d, sign(t, thief, st), thief.Public())
		}},
		{"a thief's key certified by no root", verify.RuleBroken, func(t *testing.T, d *dossier.Dossier) {
			founded := d.Events[find(t, d, custody.KindFounded)]
			st := stage.Draft(t, m.cast.Agency, &custody.KeyCertified{Key: officer.Desk.Key.KeyID(), Org: m.cast.Agency.ID(), Person: officer.Desk.Key.Person, Rights: []custody.Right{custody.RightHold}}, officer.Desk.Key.Request)
			leaf := leafOf(founded)
			st.Predicate.Signer = custody.Signer{Class: custody.ClassPerson, Key: thief.Public().ID(), Cert: &leaf}
			next(d, sign(t, thief, st), thief.Public())
		}},
		{"the handover left out", verify.SeenInconsistent, func(t *testing.T, d *dossier.Dossier) {
			i := find(t, d, custody.KindReleased)
			f2 := f.leaves
			f.leaves = slices.Clone(f2)
			f.leaves[d.Events[i].Index] = evidence.Sum([]byte("anything"))
			t.Cleanup(func() { f.leaves = f2 })
			d.Events = slices.Delete(d.Events, i, i+1)
		}},
		{"the handover left out, its leaf kept", verify.RuleBroken, func(t *testing.T, d *dossier.Dossier) {
			i := find(t, d, custody.KindReleased)
			d.Events = slices.Delete(d.Events, i, i+1)
		}},
		{"other bytes received", verify.SeenInconsistent, func(t *testing.T, d *dossier.Dossier) {
			e := &d.Events[find(t, d, custody.KindReceived)]
			st := statement(t, *e)
			b := st.Predicate.Body.(*custody.Received)
			b.MD5 = strings.Repeat("0", 32)
			e.Envelope = sign(t, f.service, st)
		}},
		{"another artifact received", verify.RuleBroken, func(t *testing.T, d *dossier.Dossier) {
			e := &d.Events[find(t, d, custody.KindReceived)]
			st := statement(t, *e)
			b := st.Predicate.Body.(*custody.Received)
			b.Artifact.SHA256 = evidence.Sum([]byte("planted"))
			st.Subject = custody.SubjectsOf(b)
			e.Envelope = sign(t, f.service, st)
		}},
		{"two events changed about", verify.RuleBroken, func(t *testing.T, d *dossier.Dossier) {
			i, j := find(t, d, custody.KindReleased), find(t, d, custody.KindAccepted)
			d.Events[i].Index, d.Events[j].Index = d.Events[j].Index, d.Events[i].Index
		}},
		{"an event twice", verify.EventTwice, func(t *testing.T, d *dossier.Dossier) {
			e := d.Events[find(t, d, custody.KindAccepted)]
			next(d, e.Envelope, e.Key)
		}},
		{"the officer's words changed", verify.ContentUnreferenced, func(t *testing.T, d *dossier.Dossier) {
			for id, b := range d.Details {
				if words := bytes.Replace(b, []byte("Islamabad"), []byte("Karachi"), 1); !bytes.Equal(words, b) {
					delete(d.Details, id)
					d.Details[evidence.Sum(words)] = words
				}
			}
		}},
		{"another log document", verify.LogUnpinned, func(t *testing.T, d *dossier.Dossier) {
			d.Log = bytes.Replace(d.Log, []byte(`"mode":"test"`), []byte(`"mode":"production"`), 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := decode(t, m.zip)
			tt.forge(t, d)
			zip := f.seal(t, d)
			res := judge(t, policy, zip)
			if res.Verdict == verify.Whole || !res.Has(tt.want) {
				t.Errorf("the verdict is %s, without %s: %v", res.Verdict, tt.want, against(res))
			}
			if code, said := command(t, m.cast.PolicyFile, zip); code != 1 && code != 3 {
				t.Errorf("exit code %d\n%s", code, said)
			}
		})
	}
}

// TestTwoStories: the custodian and the operator together can give one exhibit
// to two. Each dossier is whole by itself; shown together they convict.
func TestTwoStories(t *testing.T) {
	m := newMatter(t, stage.Dir(t))
	f := newForger(t, m)
	analyst := m.cast.Analyst
	var zips [][]byte
	for _, to := range []evidence.Digest{m.cast.Agency.ID(), m.cast.Court.ID()} {
		d := decode(t, m.zip)
		st := stage.Draft(t, analyst, &custody.Released{Items: []custody.HandedItem{{Item: m.item, Seals: []custody.SealNumber{"NCCIA-000417"}, State: custody.SealIntact}},
			Purpose: custody.PurposeCourt, To: custody.Recipient{Org: to}})
		d.Events = append(d.Events, dossier.Event{Index: uint64(len(f.leaves)), Envelope: stage.Seal(t, analyst.Desk.Key, st), Key: analyst.Desk.Key.Public()})
		zips = append(zips, f.seal(t, d))
		if res := judge(t, m.cast.Policy, zips[len(zips)-1]); res.Verdict != verify.Whole {
			t.Fatalf("by itself it is %s: %v", res.Verdict, against(res))
		}
	}
	res := judge(t, m.cast.Policy, zips...)
	if res.Verdict != verify.NotWhole || !res.Has(verify.ChainFork) && !res.Has(verify.LogFork) {
		t.Errorf("together they are %s: %v", res.Verdict, against(res))
	}
	if code, said := command(t, m.cast.PolicyFile, zips...); code != 3 {
		t.Errorf("exit code %d\n%s", code, said)
	}
	// One of them and the true one are one history.
	if res := judge(t, m.cast.Policy, m.zip, zips[0]); res.Verdict != verify.Whole {
		t.Errorf("with the true one it is %s: %v", res.Verdict, against(res))
	}
}

func leafOf(e dossier.Event) evidence.Digest {
	return leafHash(e.Envelope, e.Key)
}
