package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
)

// Telling is what a person may say about an act besides what rules depend on.
type Telling struct {
	// From is when the act took place; zero means now. To ends an act that
	// took time.
	From, To time.Time
	Details  map[custody.Field]string
}

// Time is when the act took place, without what else was told of it.
func (t Telling) Time() Telling { return Telling{From: t.From, To: t.To} }

// Recorded is an act whose receipt was checked.
type Recorded struct {
	EventID evidence.Digest `json:"eventId"`
	Leaf    evidence.Digest `json:"leafHash"`
	Index   uint64          `json:"index"`
	Size    uint64          `json:"logSize"`
	// Witnessed: the receipt's checkpoint has the cosignatures of the policy's
	// quorum; without one, what the service says of its own; nil without either.
	Witnessed *bool `json:"witnessed,omitempty"`
}

// act is a statement to be made.
type act struct {
	body      custody.Body
	basis     []evidence.Digest
	telling   Telling
	documents [][]byte
	verified  *Dossier // what was verified before signing; nil where there is nothing to verify
	upload    string   // the upload session that the event finishes
}

// attempts is how often an act is verified and signed anew because a chain
// moved on meanwhile.
const attempts = 4

// perform prepares an act, signs and sends it. Where the service answers that
// a chain has moved on, it prepares afresh: everything is verified again
// before it is signed again.
func (d *Desk) perform(ctx context.Context, prepare func() (act, error)) (Recorded, error) {
	for n := 1; ; n++ {
		a, err := prepare()
		if err != nil {
			return Recorded{}, err
		}
		r, err := d.sign(ctx, a)
		var no *Answer
		if n < attempts && (errors.As(err, &no) && no.Code == CodeStale || errors.Is(err, ErrMoved)) {
			continue
		}
		return r, err
	}
}

// ErrMoved says that a chain moved between verifying and signing.
var ErrMoved = errors.New("the chain moved on while its dossier was being verified")

func (d *Desk) sign(ctx context.Context, a act) (Recorded, error) {
	entry, err := d.seal(ctx, a)
	if err != nil {
		return Recorded{}, err
	}
	// Stored before it is sent: from here on a crash, a lost answer or an
	// impatient user cannot make a second, different event of the same act.
	if err := d.Outbox.Put(entry); err != nil {
		return Recorded{}, err
	}
	return d.send(ctx, entry)
}

// seal builds the statement and signs it.
func (d *Desk) seal(ctx context.Context, a act) (keyring.Entry, error) {
	s, details, err := d.state(ctx, a)
	if err != nil {
		return keyring.Entry{}, err
	}
	payload, err := custody.Encode(s)
	if err != nil {
		return keyring.Entry{}, err
	}
	env, err := d.Key.Sign(payload)
	if err != nil {
		return keyring.Entry{}, fmt.Errorf("couldn't sign: %w", err)
	}
	return keyring.Entry{
		EventID: env.EventID(), Kind: string(a.body.Kind()), KeyName: d.Key.Name, KeyID: d.Key.KeyID(),
		Server: d.Server, Log: d.log.id, Created: d.Clock().UTC(), Upload: a.upload,
		Envelope: env.JSON(), Details: details, Documents: a.documents,
	}, nil
}

func (d *Desk) state(ctx context.Context, a act) (*custody.Statement, [][]byte, error) {
	l, err := d.identifyLog(ctx)
	if err != nil {
		return nil, nil, err
	}
	rule, ok := custody.Rule(a.body.Kind())
	if !ok {
		return nil, nil, fmt.Errorf("couldn't state %s: not in the list of kinds", a.body.Kind())
	}
	signer := custody.Signer{Class: custody.ClassPerson, Key: d.Key.KeyID()}
	if !rule.Uncertified {
		if d.Key.Cert.IsZero() {
			return nil, nil, ErrNotCertified
		}
		cert := d.Key.Cert
		signer.Cert = &cert
	}
	p := custody.Predicate{
		Body: a.body, Kind: a.body.Kind(), Log: &l.id, Signer: signer,
		Basis: custody.SortedIDs(a.basis...),
		Times: d.times(a.telling),
	}
	var files [][]byte
	if p.Details, files, err = d.details(a.telling.Details); err != nil {
		return nil, nil, err
	}
	if _, err := io.ReadFull(d.Rand, p.Nonce[:]); err != nil {
		return nil, nil, fmt.Errorf("couldn't draw nonce: %w", err)
	}
	var newest uint64
	if p.Chains, newest, err = d.links(ctx, p.Advances(), a.verified); err != nil {
		return nil, nil, err
	}
	// The checkpoint last: it has to include everything the event stands on.
	if p.Seen, err = d.lookPast(ctx, newest); err != nil {
		return nil, nil, err
	}
	return &custody.Statement{Type: custody.StatementType, PredicateType: custody.PredicateType,
		Predicate: p, Subject: custody.SubjectsOf(a.body)}, files, nil
}

func (d *Desk) times(t Telling) custody.Times {
	now := d.Clock()
	if t.From.IsZero() {
		t.From = now
	}
	times := custody.Times{Act: custody.Act{From: custody.NewTime(t.From)}, Signed: custody.NewTime(now)}
	if !t.To.IsZero() {
		to := custody.NewTime(t.To)
		times.Act.To = &to
	}
	return times
}

// details writes each field's file with a salt of its own.
func (d *Desk) details(fields map[custody.Field]string) (map[custody.Field]evidence.Digest, [][]byte, error) {
	digests := map[custody.Field]evidence.Digest{}
	var files [][]byte
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if fields[field] == "" {
			continue
		}
		salt, err := d.salt()
		if err != nil {
			return nil, nil, err
		}
		detail, err := custody.NewDetail(field, salt, fields[field])
		if err != nil {
			return nil, nil, err
		}
		file, digest, err := detail.Encode()
		if err != nil {
			return nil, nil, err
		}
		digests[field], files = digest, append(files, file)
	}
	return digests, files, nil
}

// links binds the statement to the head of every chain it advances. Heads come
// from the service, which knows the newest; where the verified dossier knows
// the chain, the two must agree. It also returns the newest head's log index.
func (d *Desk) links(ctx context.Context, advances []custody.Advance, verified *Dossier) (links []custody.Link, newest uint64, err error) {
	links = make([]custody.Link, 0, len(advances))
	for _, a := range advances {
		if a.Founds {
			links = append(links, custody.Link{ID: a.ID})
			continue
		}
		head, ok, err := d.Service.Chain(ctx, a.ID)
		if err != nil {
			return nil, 0, fmt.Errorf("couldn't get the head of %s chain %s: %w", a.Type, a.ID.Short(), err)
		}
		if err := verified.agrees(a, head, ok); err != nil {
			return nil, 0, err
		}
		if !ok {
			if !a.MayFound {
				return nil, 0, fmt.Errorf("couldn't find %s %s: %w", a.Type, a.ID.Short(), ErrUnknown)
			}
			links = append(links, custody.Link{ID: a.ID})
			continue
		}
		prev := head.Leaf
		newest = max(newest, head.Index)
		links = append(links, custody.Link{ID: a.ID, Seq: head.Seq + 1, Prev: &prev})
	}
	slices.SortFunc(links, func(x, y custody.Link) int { return x.ID.Compare(y.ID) })
	return links, newest, nil
}

// ErrUnknown reports something the service does not show to this person.
var ErrUnknown = errors.New("unknown, or not for this key to see")

// send sends a stored event and settles its place in the outbox.
func (d *Desk) send(ctx context.Context, e keyring.Entry) (Recorded, error) {
	var receipt Receipt
	var err error
	s := Submission{Envelope: e.Envelope, Details: e.Details, Documents: e.Documents}
	if e.Upload == "" {
		receipt, err = d.Service.Append(ctx, s)
	} else {
		receipt, _, err = d.Service.FinishUpload(ctx, e.Upload, s)
	}
	if err != nil {
		var no *Answer
		if errors.As(err, &no) && no.final(e.Upload != "") {
			return Recorded{}, errors.Join(fmt.Errorf("couldn't record %s: %w", e.Kind, err),
				d.Outbox.Refuse(e.EventID, no.Error(), d.Clock().UTC()))
		}
		return Recorded{}, fmt.Errorf("couldn't record %s: %w: %w", e.Kind, ErrPending, err)
	}
	env, err := seal.ParseEnvelope(e.Envelope)
	if err != nil {
		return Recorded{}, err
	}
	r, err := d.included(ctx, env, d.Key.Public(), receipt)
	if err != nil {
		// It stays in the outbox: a wrong receipt is not a receipt.
		return Recorded{}, err
	}
	kept, err := json.Marshal(receipt)
	if err != nil {
		return Recorded{}, fmt.Errorf("couldn't encode receipt: %w", err)
	}
	// What the event says of the key is remembered before it leaves the
	// outbox: a crash in between only sends it once more.
	if err := d.learn(env, r); err != nil {
		return r, err
	}
	return r, d.Outbox.Done(e.EventID, kept)
}

// learn remembers what a recorded event says of the desk's own key, also where
// it was sent again long after it was signed.
func (d *Desk) learn(env seal.Envelope, r Recorded) error {
	s, err := custody.Decode(env.Payload)
	if err != nil {
		return err
	}
	switch b := s.Predicate.Body.(type) {
	case *custody.Founded:
		return d.remember(func(m *keyring.Meta) {
			m.Root, m.Organisation, m.Cert, m.Log, m.Server = true, b.Org, r.Leaf, d.log.id, d.Server
		})
	case *custody.KeyRequested:
		return d.remember(func(m *keyring.Meta) {
			m.Organisation, m.Person, m.Request, m.Log, m.Server = b.Org, b.Person, r.Leaf, d.log.id, d.Server
		})
	}
	return nil
}

// Resent is what became of one event of the outbox.
type Resent struct {
	Entry    keyring.Entry
	Recorded Recorded
	Err      error
}

// Resend sends what waits in the outbox for this key and this service, the
// oldest first, with the bytes that were signed then.
func (d *Desk) Resend(ctx context.Context) ([]Resent, error) {
	waiting, err := d.Outbox.Pending()
	var out []Resent
	for _, e := range waiting {
		if e.KeyID != d.Key.KeyID() || e.Server != d.Server {
			continue
		}
		if _, lerr := d.identifyLog(ctx); lerr != nil {
			return out, errors.Join(err, lerr)
		}
		r, serr := d.send(ctx, e)
		out = append(out, Resent{Entry: e, Recorded: r, Err: serr})
	}
	return out, err
}
