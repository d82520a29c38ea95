package hostile

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/api/client"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// twin is the signature (r, n-s), which verifies elsewhere.
func twin(t *testing.T, e seal.Envelope) seal.Envelope {
	t.Helper()
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(e.Signature, &sig); err != nil {
		t.Fatal(err)
	}
	sig.S = new(big.Int).Sub(elliptic.P256().Params().N, sig.S)
	der, err := asn1.Marshal(sig)
	if err != nil {
		t.Fatal(err)
	}
	return seal.Envelope{Payload: e.Payload, Signature: der}
}

// TestEnvelopes sends what is not one well-signed event in its one form.
func TestEnvelopes(t *testing.T) {
	c := house(t)
	p := c.Investigator
	bearer := p.Bearer(t, c.URL)
	st, doc := opening(t, p)
	document := base64.StdEncoding.EncodeToString(doc)
	good := stage.Seal(t, p.Desk.Key, st)
	text := string(good.JSON())
	flip := func(b []byte, at int) []byte {
		out := bytes.Clone(b)
		out[at] ^= 1
		return out
	}
	sig := `"signatures":[{"keyid":"","sig":"`
	for name, tt := range map[string]struct {
		envelope   []byte
		code, rule string
	}{
		"nothing":               {nil, "malformed", "*"},
		"no JSON":               {[]byte("\x00\x01\x02"), "malformed", "*"},
		"empty object":          {[]byte(`{}`), "malformed", seal.RuleEnvelopeForm},
		"cut short":             {[]byte(text[:len(text)-9]), "malformed", "*"},
		"white space":           {[]byte(strings.Replace(text, ",", ", ", 1)), "malformed", seal.RuleEnvelopeForm},
		"another member":        {[]byte(`{"a":1,` + text[1:]), "malformed", seal.RuleEnvelopeForm},
		"another type":          {[]byte(strings.Replace(text, "in-toto", "in-tutu", 1)), "malformed", seal.RuleEnvelopeForm},
		"a key id":              {[]byte(strings.Replace(text, `"keyid":""`, `"keyid":"x"`, 1)), "malformed", seal.RuleEnvelopeForm},
		"a member twice":        {[]byte(strings.Replace(text, sig, `"signatures":[],`+sig, 1)), "malformed", seal.RuleEnvelopeForm},
		"unsigned":              {[]byte(text[:strings.Index(text, sig)] + `"signatures":[]}`), "malformed", seal.RuleEnvelopeForm},
		"an empty signature":    {[]byte(text[:strings.Index(text, sig)] + sig + `"}]}`), "malformed", seal.RuleEnvelopeForm},
		"signed by a stranger":  {stage.Seal(t, c.Analyst.Desk.Key, st).JSON(), "rule-refused", seal.RuleSignatureInvalid},
		"high s":                {twin(t, good).JSON(), "rule-refused", seal.RuleSignatureHighS},
		"not a signature":       {seal.Envelope{Payload: good.Payload, Signature: bytes.Repeat([]byte{0x30}, 70)}.JSON(), "rule-refused", seal.RuleSignatureForm},
		"long form of length":   {seal.Envelope{Payload: good.Payload, Signature: append([]byte{0x30, 0x81}, good.Signature[1:]...)}.JSON(), "rule-refused", seal.RuleSignatureForm},
		"signature changed":     {seal.Envelope{Payload: good.Payload, Signature: flip(good.Signature, len(good.Signature)-1)}.JSON(), "rule-refused", seal.RuleSignatureInvalid},
		"nonce changed":         {seal.Envelope{Payload: changed(t, good.Payload, `"nonce":"`), Signature: good.Signature}.JSON(), "rule-refused", seal.RuleSignatureInvalid},
		"payload not canonical": {stageSign(t, p, append([]byte(" "), good.Payload...)), "malformed", "*"},
		"member in other case":  {stageSign(t, p, bytes.Replace(good.Payload, []byte(`"kind"`), []byte(`"Kind"`), 1)), "malformed", "*"},
		"a member more":         {stageSign(t, p, bytes.Replace(good.Payload, []byte(`"nonce"`), []byte(`"nnnnn":1,"nonce"`), 1)), "malformed", "*"},
		"an unknown kind":       {stageSign(t, p, bytes.Replace(good.Payload, []byte(`"case.opened"`), []byte(`"case.closed"`), 1)), "malformed", "*"},
		"another version":       {stageSign(t, p, bytes.Replace(good.Payload, []byte(`/event/v1`), []byte(`/event/v2`), 1)), "malformed", "*"},
		"not ASCII":             {stageSign(t, p, bytes.Replace(good.Payload, []byte(`"case.opened"`), []byte(`"ca\u0455e.opened"`), 1)), "malformed", "*"},
	} {
		t.Run(name, func(t *testing.T) {
			nothing(t, func() {
				status, p := post(t, bearer, "/v1/events", slices.Concat([]byte(`{"documents":["`+document+`"],"envelope":`), tt.envelope, []byte(`}`)))
				want := 400
				if tt.code == "rule-refused" {
					want = 422
				}
				if status != want || p.Code != tt.code || tt.rule != "*" && p.Rule != tt.rule || p.Rule == "" && p.Detail == "" {
					t.Errorf("the answer is %d %+v; wanted was %d %s %s", status, p, want, tt.code, tt.rule)
				}
			})
		})
	}
	// What was spoilt above was a good event all the time.
	if err := send(t, p, good, doc); err != nil {
		t.Errorf("the event itself: %v", err)
	}
}

func changed(t *testing.T, payload []byte, before string) []byte {
	t.Helper()
	at := bytes.Index(payload, []byte(before)) + len(before)
	out := bytes.Clone(payload)
	if out[at]++; out[at] != 'a' && (out[at] > 'f' || out[at] == ':') {
		out[at] = '0'
	}
	return out
}

// stageSign signs bytes that no careful client would sign.
func stageSign(t *testing.T, p *stage.Person, payload []byte) []byte {
	t.Helper()
	env, err := p.Desk.Key.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return env.JSON()
}

// TestAgain: the same event once more, however signed, is the event that it was.
func TestAgain(t *testing.T) {
	c := house(t)
	p := c.Investigator
	api := p.Client(t, c.URL)
	st, doc := opening(t, p)
	first := client.Submission{Envelope: stage.Seal(t, p.Desk.Key, st).JSON(), Documents: [][]byte{doc}}
	r, created, err := api.AppendEvent(stage.Context(t), first)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	nothing(t, func() {
		for _, s := range []client.Submission{first, {Envelope: stage.Seal(t, p.Desk.Key, st).JSON(), Documents: [][]byte{doc}}} {
			again, created, err := api.AppendEvent(stage.Context(t), s)
			if err != nil || created || again.Index != r.Index || again.LeafHash != r.LeafHash {
				t.Errorf("sent again: created %t, index %d, leaf %s, %v; at first index %d, leaf %s", created, again.Index, again.LeafHash, err, r.Index, r.LeafHash)
			}
		}
	})
}

// TestOtherLog replays an event that was signed for another log.
func TestOtherLog(t *testing.T) {
	c := house(t)
	st, doc := opening(t, c.Investigator)
	other := evidence.Sum([]byte("another log"))
	st.Predicate.Log = &other
	nothing(t, func() { refused(t, submit(t, c.Investigator, st, doc), 422, "rule-refused", "log.other") })
}

// TestPromises holds an event to the details and documents that it commits to.
func TestPromises(t *testing.T) {
	c := house(t)
	p := c.Investigator
	api := p.Client(t, c.URL)
	st, doc := opening(t, p)
	var salt custody.Salt
	detail, err := custody.NewDetail(custody.FieldNote, salt, "true words")
	if err != nil {
		t.Fatal(err)
	}
	file, sum, err := detail.Encode()
	if err != nil {
		t.Fatal(err)
	}
	st.Predicate.Details = map[custody.Field]custody.ID{custody.FieldNote: sum}
	env := stage.Seal(t, p.Desk.Key, st).JSON()
	for name, s := range map[string]client.Submission{
		"no detail":        {Envelope: env, Documents: [][]byte{doc}},
		"another detail":   {Envelope: env, Documents: [][]byte{doc}, Details: [][]byte{bytes.Replace(file, []byte("true"), []byte("fals"), 1)}},
		"one detail more":  {Envelope: env, Documents: [][]byte{doc}, Details: [][]byte{file, bytes.Replace(file, []byte("true"), []byte("fals"), 1)}},
		"no document":      {Envelope: env, Details: [][]byte{file}},
		"another document": {Envelope: env, Documents: [][]byte{bytes.Replace(doc, []byte("unknown"), []byte("Unknown"), 1)}, Details: [][]byte{file}},
	} {
		nothing(t, func() {
			_, _, err := api.AppendEvent(stage.Context(t), s)
			var no *client.Error
			if !asError(err, &no) || no.Status != 422 && no.Status != 400 || no.Problem.Rule == "" {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if _, _, err := api.AppendEvent(stage.Context(t), client.Submission{Envelope: env, Documents: [][]byte{doc}, Details: [][]byte{file}}); err != nil {
		t.Errorf("the event itself: %v", err)
	}
}
