package speed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/keyring"
	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// apiCases are the cases of one turn through the API.
const apiCases = 300

// person is a keyring's key as a script's signer.
func person(k *keyring.Key) signer {
	return signer{key: k.KeyID(), public: k.Public(), party: custody.Party{Org: k.Organisation, Person: k.Person}, cert: k.Cert, seal: k.Sign}
}

// BenchmarkAPI64 measures the same events as HTTP requests of 64 clients, each
// with its connection and token, against the whole service; the clients run on
// the same processors.
func BenchmarkAPI64(b *testing.B) {
	const clients = 64
	data := stage.Dir(b)
	svc := stage.Serve(b, stage.Options(data))
	token, _, err := svc.FirstToken(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	cast := stage.NewCast(b, svc.URL(), token)
	head := func() custody.Seen {
		h, err := cast.Investigator.Desk.Checkpoint(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return custody.Seen{Root: h.Root, Size: h.Size}
	}
	log, err := cast.Investigator.Desk.LogID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	play := &stageplay{log: log, seen: head(), officer: person(cast.Investigator.Desk.Key), other: person(cast.Analyst.Desk.Key)}
	play.callWitnesses(b)
	tokens := map[custody.ID]string{play.officer.key: cast.Investigator.Bearer(b, svc.URL()), play.other.key: cast.Analyst.Bearer(b, svc.URL())}
	transport := &http.Transport{MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport, Timeout: time.Minute}
	rows := newBare(b, stage.DSN(b, data, localpg.Superuser), clients)
	var appended measure
	for b.Loop() {
		for turn := range turns {
			b.StopTimer()
			cases := make([]*script, apiCases)
			for i := range cases {
				cases[i] = play.begin(b, fmt.Sprint("api ", appended.n, turn, i))
			}
			for act := range acts {
				play.seen = head()
				by := play.officer
				if act == 4 || act == 5 {
					by = play.other
				}
				subs, bodies := make([]docket.Submission, len(cases)), make([][]byte, len(cases))
				for i, c := range cases {
					subs[i] = c.next()
					body := map[string]any{"envelope": json.RawMessage(subs[i].Envelope.JSON())}
					if len(subs[i].Documents) > 0 {
						body["documents"] = subs[i].Documents
					}
					if bodies[i], err = json.Marshal(body); err != nil {
						b.Fatal(err)
					}
				}
				rows.insert(b, clients, subs, by.public.SPKI())
				b.StartTimer()
				appended.turn(clients, len(subs), func(i int, step func(func())) {
					step(func() { post(b, web, svc.URL()+"/v1/events", tokens[by.key], bodies[i]) })
				})
				b.StopTimer()
			}
			b.StartTimer()
		}
	}
	report(b, &appended, "events")
	report(b, &rows.measure, "rows")
	b.ReportMetric(appended.rate()/rows.rate(), "ratio-to-bare")
	b.ReportMetric(milliseconds(appended.quantile(0.50)), "p50-ms")
	b.ReportMetric(milliseconds(appended.quantile(0.99)), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// post submits an event and holds the answer to be its receipt.
func post(b *testing.B, web *http.Client, url, token string, body []byte) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := web.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	var r wire.Receipt
	if err != nil || res.StatusCode != http.StatusCreated || json.Unmarshal(answer, &r) != nil || r.Checkpoint == "" {
		b.Errorf("%s: %.300s %v", res.Status, answer, err)
	}
}

// callWitnesses gives the play two witnesses of every seizure.
func (p *stageplay) callWitnesses(t testing.TB) {
	t.Helper()
	for _, name := range []string{"one witness", "another witness"} {
		b, id, err := custody.Founding{Document: custody.DocPerson, Fields: map[string]string{"name": name}, Salt: custody.Salt(evidence.Sum([]byte(name)))}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		p.persons, p.witnesses = append(p.persons, b), append(p.witnesses, id)
	}
	p.witnesses = custody.SortedIDs(p.witnesses...)
}
