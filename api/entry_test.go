package api

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/evidence-custody/custodyd/api/wire"
	"github.com/evidence-custody/custodyd/custody/registrar"
)

// assertionCase makes one assertion; the zero value is a good one.
type assertionCase struct {
	name   string
	change func(claims jwt.MapClaims, header map[string]any)
	sign   func(t *testing.T, input string, k testKey) string // nil: ES256 by the key
	rule   string                                             // "" : a token comes
}

func TestAssertions(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	good, stranger := newTestKey(t), newTestKey(t)
	set := func(name string, v any) func(jwt.MapClaims, map[string]any) {
		return func(c jwt.MapClaims, _ map[string]any) {
			if v == nil {
				delete(c, name)
			} else {
				c[name] = v
			}
		}
	}
	tests := []assertionCase{
		{name: "good"},
		{name: "good, clock 50 s ahead", change: func(c jwt.MapClaims, _ map[string]any) { c["iat"], c["exp"] = now.Unix()+50, now.Unix()+170 }},
		{name: "just expired, within leeway", change: func(c jwt.MapClaims, _ map[string]any) { c["iat"], c["exp"] = now.Unix()-200, now.Unix()-50 }},
		{name: "audience as a list of one", change: set("aud", []string{logID.String()})},
		{name: "expired", change: func(c jwt.MapClaims, _ map[string]any) { c["iat"], c["exp"] = now.Unix()-300, now.Unix()-61 }, rule: "assertion.time"},
		{name: "from the future", change: func(c jwt.MapClaims, _ map[string]any) { c["iat"], c["exp"] = now.Unix()+62, now.Unix()+100 }, rule: "assertion.time"},
		{name: "not before later", change: set("nbf", now.Unix()+100), rule: "assertion.time"},
		{name: "lives too long", change: set("exp", now.Unix()+302), rule: "assertion.time"},
		{name: "no exp", change: set("exp", nil), rule: "assertion.claims"},
		{name: "no iat", change: set("iat", nil), rule: "assertion.claims"},
		{name: "for another log", change: set("aud", otherID.String()), rule: "assertion.audience"},
		{name: "for two logs", change: set("aud", []string{logID.String(), otherID.String()}), rule: "assertion.audience"},
		{name: "for nobody", change: set("aud", nil), rule: "assertion.claims"},
		{name: "no jti", change: set("jti", nil), rule: "assertion.jti"},
		{name: "short jti", change: set("jti", "123456789012345"), rule: "assertion.jti"},
		{name: "endless jti", change: set("jti", strings.Repeat("x", 129)), rule: "assertion.jti"},
		{name: "iss of another key", change: set("iss", stranger.id.String()), rule: "assertion.signature"},
		{name: "sub differs", change: set("sub", stranger.id.String()), rule: "assertion.signature"},
		{name: "iss not an id", change: set("iss", "root"), rule: "assertion.signature"},
		{name: "unknown key", change: func(c jwt.MapClaims, _ map[string]any) {
			c["iss"], c["sub"] = stranger.id.String(), stranger.id.String()
		},
			sign: func(t *testing.T, in string, _ testKey) string { return es256(t, in, stranger) }, rule: "assertion.signature"},
		{name: "signed by another key", sign: func(t *testing.T, in string, _ testKey) string { return es256(t, in, stranger) }, rule: "assertion.signature"},
		{name: "critical header", change: func(_ jwt.MapClaims, h map[string]any) { h["crit"] = []string{"b64"} }, rule: "assertion.signature"},
		{name: "alg none", change: func(_ jwt.MapClaims, h map[string]any) { h["alg"] = "none" },
			sign: func(*testing.T, string, testKey) string { return "" }, rule: "assertion.signature"},
		{name: "alg HS256 with the public key as secret", change: func(_ jwt.MapClaims, h map[string]any) { h["alg"] = "HS256" }, sign: hs256, rule: "assertion.signature"},
		{name: "alg RS256", change: func(_ jwt.MapClaims, h map[string]any) { h["alg"] = "RS256" }, sign: rs256, rule: "assertion.signature"},
		{name: "alg ES384", change: func(_ jwt.MapClaims, h map[string]any) { h["alg"] = "ES384" }, rule: "assertion.signature"},
		{name: "no signature", sign: func(*testing.T, string, testKey) string { return "" }, rule: "assertion.signature"},
		{name: "padded signature", sign: func(t *testing.T, in string, k testKey) string { return es256(t, in, k) + "==" }, rule: "assertion.signature"},
	}
	f := newFake()
	f.now = func() time.Time { return now }
	f.enrol(good)
	h := newTestHandler(t, f, Limits{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			delete(f.asked, "IssueToken")
			w := serve(h, tokenRequest(makeAssertion(t, test, good, now)))
			if test.rule == "" {
				var token wire.Token
				if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &token) != nil || token.TokenType != "Bearer" || token.ExpiresIn != 900 || token.AccessToken == "" {
					t.Fatalf("got %d: %s", w.Code, w.Body)
				}
				if a := f.asked["IssueToken"].(registrar.Assertion); a.Key != good.id || a.JTI == "" || a.Expires.Before(now) {
					t.Errorf("the registrar was asked %+v", a)
				}
				return
			}
			if p := wantProblem(t, w, "unauthenticated"); p.Rule != test.rule {
				t.Errorf("rule %q, want %q (%s)", p.Rule, test.rule, p.Detail)
			}
			if f.asked["IssueToken"] != nil {
				t.Error("a token was asked for")
			}
		})
	}
	t.Run("replayed", func(t *testing.T) {
		assertion := makeAssertion(t, assertionCase{change: set("jti", "the same jti twice")}, good, now)
		if w := serve(h, tokenRequest(assertion)); w.Code != 200 {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
		if p := wantProblem(t, serve(h, tokenRequest(assertion)), "unauthenticated"); p.Rule != "token.replayed" {
			t.Errorf("rule %q", p.Rule)
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		body, _ := json.Marshal(wire.TokenRequest{GrantType: wire.JWTBearer, Assertion: makeAssertion(t, assertionCase{}, good, now)})
		r := httptest.NewRequest("POST", "/v1/token", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", jsonType)
		if w := serve(h, r); w.Code != 200 {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
	})
}

func TestTokenRequestForms(t *testing.T) {
	h := newTestHandler(t, newFake(), Limits{})
	for name, form := range map[string]string{
		"nothing":          "",
		"another grant":    "grant_type=password&assertion=x",
		"no assertion":     "grant_type=" + url.QueryEscape(string(wire.JWTBearer)),
		"too long":         url.Values{"grant_type": {string(wire.JWTBearer)}, "assertion": {strings.Repeat("x", 5000)}}.Encode(),
		"assertion in URL": "grant_type=" + url.QueryEscape(string(wire.JWTBearer)) + "&x=1",
	} {
		r := httptest.NewRequest("POST", "/v1/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		t.Run(name, func(t *testing.T) { wantProblem(t, serve(h, r), "malformed") })
	}
}

func tokenRequest(assertion string) *http.Request {
	form := url.Values{"grant_type": {string(wire.JWTBearer)}, "assertion": {assertion}}
	r := httptest.NewRequest("POST", "/v1/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func makeAssertion(t *testing.T, c assertionCase, k testKey, now time.Time) string {
	t.Helper()
	header := map[string]any{"alg": "ES256", "typ": "JWT"}
	claims := jwt.MapClaims{"iss": k.id.String(), "sub": k.id.String(), "aud": logID.String(), "iat": now.Unix(), "exp": now.Unix() + 120,
		"jti": rand.Text()}
	if c.change != nil {
		c.change(claims, header)
	}
	input := segment(t, header) + "." + segment(t, claims)
	if c.sign != nil {
		return input + "." + c.sign(t, input, k)
	}
	return input + "." + es256(t, input, k)
}

func segment(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func es256(t *testing.T, input string, k testKey) string {
	rs, err := k.SignJWT([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(rs)
}

func hs256(t *testing.T, input string, k testKey) string {
	secret, err := k.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := jwt.SigningMethodHS256.Sign(input, secret)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sig)
}

func rs256(t *testing.T, input string, _ testKey) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := jwt.SigningMethodRS256.Sign(input, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sig)
}
