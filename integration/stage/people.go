package stage

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
)

// passphrase of every key here.
const passphrase = "five witnesses sealed the envelope"

// Person is somebody at a desk, with a key that nobody else has.
type Person struct {
	Name string
	Home *keyring.Home
	Desk *desk.Desk
}

// Arrive gives a person a home and a new key. The invitation, if any, is
// presented instead of the key until Sign is called.
func Arrive(t testing.TB, url, name, invitation string) *Person {
	t.Helper()
	return arrive(t, t.TempDir(), url, name, invitation)
}

func arrive(t testing.TB, dir, url, name, invitation string) *Person {
	home, err := keyring.OpenHome(filepath.Join(dir, name), time.Now())
	if err != nil {
		t.Error(err)
		return nil
	}
	key, err := home.Keys.Create(name, []byte(passphrase), keyring.Meta{})
	if err != nil {
		t.Error(err)
		return nil
	}
	p := &Person{Name: name, Home: home, Desk: &desk.Desk{Key: key, Ring: home.Keys, Outbox: home.Outbox, Seen: home.Seen,
		Server: url, Clock: time.Now, Rand: rand.Reader, State: filepath.Join(home.Dir, "uploads")}}
	p.Reach(t, url, invitation)
	return p
}

// Reach connects the person with a service at url, by invitation or by key.
// The service's address may have changed since: it is the same log.
func (p *Person) Reach(t testing.TB, url, invitation string) {
	t.Helper()
	remote, err := desk.Connect(desk.Connection{Server: url, Key: p.Desk.Key, Invitation: invitation})
	if err != nil {
		t.Error(err)
		return
	}
	p.Desk.Service = remote
}

// Client calls the API as this person, with nothing checked.
func (p *Person) Client(t testing.TB, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.WithSigner(p.Desk.Key), client.WithRetries(1, 50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ID is the person's organisation.
func (p *Person) ID() evidence.Digest { return p.Desk.Key.Organisation }

// Cast is everybody in a story: an agency, a laboratory and a court, each with
// an administrator who holds its root key, and one person of each.
type Cast struct {
	URL                          string
	Agency, Lab, Court           *Person
	Investigator, Analyst, Clerk *Person
	Policy                       *verify.Policy
	PolicyFile                   []byte
}

// Titles of the cast's organisations.
const (
	AgencyTitle = "National Cyber Crime Investigation Agency"
	LabTitle    = "Independent Forensic Laboratory"
	CourtTitle  = "Sessions Court"
)

// NewCast founds three organisations on the service at url and enrols their
// people. token is the first administrator's.
func NewCast(t testing.TB, url, token string) *Cast {
	t.Helper()
	return NewCastIn(t, t.TempDir(), url, token)
}

// NewCastIn is NewCast with people whose homes are in dir, where they outlive
// the test.
func NewCastIn(t testing.TB, dir, url, token string) *Cast {
	t.Helper()
	ctx := Context(t)
	c := &Cast{URL: url}
	// A key costs its passphrase's derivation: all at once.
	var wg sync.WaitGroup
	for name, who := range map[string]**Person{"agency-administrator": &c.Agency, "laboratory-administrator": &c.Lab, "court-administrator": &c.Court,
		"investigator": &c.Investigator, "analyst": &c.Analyst, "clerk": &c.Clerk} {
		wg.Go(func() { *who = arrive(t, dir, url, name, "") })
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	c.Agency.found(t, ctx, url, token, AgencyTitle, custody.OrgAgency)
	c.Lab.found(t, ctx, url, c.Agency.invite(t, ctx, desk.InviteOrganisation), LabTitle, custody.OrgLaboratory)
	c.Court.found(t, ctx, url, c.Agency.invite(t, ctx, desk.InviteOrganisation), CourtTitle, custody.OrgCourt)
	c.Investigator.enrol(t, ctx, url, c.Agency, map[string]string{"name": "Muhammad Ali", "nameNative": "محمد علی"}, custody.RightInvestigate, custody.RightHold)
	c.Analyst.enrol(t, ctx, url, c.Lab, map[string]string{"name": "Dr Ayesha Khan", "nameNative": "ڈاکٹر عائشہ خان"}, custody.RightExamine, custody.RightHold)
	c.Clerk.enrol(t, ctx, url, c.Court, map[string]string{"name": "Bilal Ahmed"}, custody.RightInspect)
	c.Trust(t)
	return c
}

func (p *Person) invite(t testing.TB, ctx context.Context, purpose string) string {
	t.Helper()
	i, err := p.Desk.Invite(ctx, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return i.Token
}

func (p *Person) found(t testing.TB, ctx context.Context, url, invitation, title string, class custody.OrgClass) {
	t.Helper()
	p.Reach(t, url, invitation)
	if _, err := p.Desk.FoundOrganisation(ctx, desk.Founding{Name: title, Class: class}); err != nil {
		t.Fatal(err)
	}
	p.Reach(t, url, "")
}

func (p *Person) enrol(t testing.TB, ctx context.Context, url string, admin *Person, document map[string]string, rights ...custody.Right) {
	t.Helper()
	p.Reach(t, url, admin.invite(t, ctx, desk.InviteKey))
	k, err := p.Desk.RequestKey(ctx, desk.KeyRequest{Organisation: admin.ID(), Person: document})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Desk.CertifyKey(ctx, desk.Certification{Key: k.Key, Rights: rights}); err != nil {
		t.Fatal(err)
	}
	p.Reach(t, url, "")
	if _, err := p.Desk.Enroll(ctx); err != nil {
		t.Fatal(err)
	}
}

// Organisation founds a further organisation and returns its administrator.
// Call Trust afterwards where it is to be trusted.
func (c *Cast) Organisation(t testing.TB, title string, class custody.OrgClass) *Person {
	t.Helper()
	ctx := Context(t)
	p := Arrive(t, c.URL, "administrator", "")
	p.found(t, ctx, c.URL, c.Agency.invite(t, ctx, desk.InviteOrganisation), title, class)
	return p
}

// Enrol gives an administrator's organisation a further person.
func (c *Cast) Enrol(t testing.TB, admin *Person, name string, rights ...custody.Right) *Person {
	t.Helper()
	p := Arrive(t, c.URL, "person", "")
	p.enrol(t, Context(t), c.URL, admin, map[string]string{"name": name}, rights...)
	p.Desk.Policy = c.Policy
	return p
}

// Trust makes the policy of all that was published, and gives it to everybody.
func (c *Cast) Trust(t testing.TB, more ...*Person) {
	t.Helper()
	published, err := desk.ReadPublished(Context(t), c.Agency.Desk.Service)
	if err != nil {
		t.Fatal(err)
	}
	if c.Policy, err = published.MakePolicy(); err != nil {
		t.Fatal(err)
	}
	if c.PolicyFile, err = c.Policy.Encode(); err != nil {
		t.Fatal(err)
	}
	for _, p := range append([]*Person{c.Agency, c.Lab, c.Court, c.Investigator, c.Analyst, c.Clerk}, more...) {
		p.Desk.Policy = c.Policy
	}
}

// Reach connects everybody with the service at its new address.
func (c *Cast) Reach(t testing.TB, url string) {
	t.Helper()
	c.URL = url
	for _, p := range []*Person{c.Agency, c.Lab, c.Court, c.Investigator, c.Analyst, c.Clerk} {
		p.Reach(t, url, "")
	}
}

// Assertion signs a client assertion (RFC 7523) that nobody checked.
func (p *Person) Assertion(t testing.TB, audience string, issued time.Time, life time.Duration) string {
	t.Helper()
	id := p.Desk.Key.KeyID().String()
	var jti [16]byte
	if _, err := rand.Read(jti[:]); err != nil {
		t.Fatal(err)
	}
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": id})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(map[string]any{"iss": id, "sub": id, "aud": audience, "iat": issued.Unix(), "exp": issued.Add(life).Unix(), "jti": hex.EncodeToString(jti[:])})
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	input := enc.EncodeToString(header) + "." + enc.EncodeToString(claims)
	rs, err := p.Desk.Key.SignJWT([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + enc.EncodeToString(rs)
}

// Bearer gets an access token for requests written by hand.
func (p *Person) Bearer(t testing.TB, service string) string {
	t.Helper()
	log, err := p.Desk.LogID(Context(t))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.PostForm(service+"/v1/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion": {p.Assertion(t, log.String(), time.Now(), time.Minute)}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&token); err != nil || token.AccessToken == "" {
		t.Fatalf("no token was given: %s, %v", res.Status, err)
	}
	return token.AccessToken
}
