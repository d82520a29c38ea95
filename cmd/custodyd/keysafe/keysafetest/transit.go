// Package keysafetest speaks the transit engine's protocol of Vault and OpenBao
// for tests: keys of type aes256-gcm96, with versions and associated data.
package keysafetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Token is what opens the engine.
const Token = "s.wrapping"

// Transit is an engine with one key.
type Transit struct {
	Name string
	Type string // "aes256-gcm96" where the test says nothing else

	mu       sync.Mutex
	versions []cipher.AEAD
	least    int // min_decryption_version
	asked    map[string]int
	down     bool
}

// NewTransit starts an engine with one version of a key, and points the
// environment at it for the test's life.
func NewTransit(t *testing.T, name string) *Transit {
	t.Helper()
	v := &Transit{Name: name, Type: "aes256-gcm96", least: 1, asked: map[string]int{}}
	v.grow()
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", Token)
	return v
}

func (v *Transit) grow() {
	var key [32]byte
	_, _ = rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // of 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	v.versions = append(v.versions, aead)
}

// Asked is how often something was asked for: encrypt, decrypt, keys, rotate, config.
func (v *Transit) Asked(what string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked[what]
}

// Down has the engine answer nothing but 503, as a sealed one does.
func (v *Transit) Down(down bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.down = down
}

// Least is the oldest version by which anything is still decrypted.
func (v *Transit) Least() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.least
}

type question struct {
	Plaintext  string `json:"plaintext"`
	Ciphertext string `json:"ciphertext"`
	AAD        string `json:"associated_data"`
	Version    int    `json:"key_version"`
	Least      int    `json:"min_decryption_version"`
}

// ServeHTTP implements http.Handler.
func (v *Transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fail := func(code int, why string) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"errors":[%q]}`, why)
	}
	if v.down {
		fail(http.StatusServiceUnavailable, "Vault is sealed")
		return
	}
	if r.Header.Get("X-Vault-Token") != Token {
		fail(http.StatusForbidden, "permission denied")
		return
	}
	var q question
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
	}
	switch what, _ := strings.CutPrefix(r.URL.Path, "/v1/transit/"); {
	case what == "keys/"+v.Name && r.Method == http.MethodGet:
		v.asked["keys"]++
		answer(w, map[string]any{"type": v.Type, "derived": false, "latest_version": len(v.versions), "min_decryption_version": v.least})
	case what == "keys/"+v.Name+"/rotate":
		v.asked["rotate"]++
		v.grow()
		w.WriteHeader(http.StatusNoContent)
	case what == "keys/"+v.Name+"/config":
		v.asked["config"]++
		v.least = q.Least
		w.WriteHeader(http.StatusNoContent)
	case what == "encrypt/"+v.Name:
		v.asked["encrypt"]++
		plain, err := base64.StdEncoding.DecodeString(q.Plaintext)
		aad, bad := base64.StdEncoding.DecodeString(q.AAD)
		if q.Version == 0 {
			q.Version = len(v.versions)
		}
		if err != nil || bad != nil || q.Version > len(v.versions) {
			fail(http.StatusBadRequest, "cannot encrypt")
			return
		}
		nonce := make([]byte, 12)
		_, _ = rand.Read(nonce)
		sealed := v.versions[q.Version-1].Seal(nonce, nonce, plain, aad)
		answer(w, map[string]any{"ciphertext": "vault:v" + strconv.Itoa(q.Version) + ":" + base64.StdEncoding.EncodeToString(sealed), "key_version": q.Version})
	case what == "decrypt/"+v.Name:
		v.asked["decrypt"]++
		plain, err := v.decrypt(q)
		if err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
		answer(w, map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)})
	default:
		fail(http.StatusNotFound, "")
	}
}

func (v *Transit) decrypt(q question) ([]byte, error) {
	rest, _ := strings.CutPrefix(q.Ciphertext, "vault:v")
	number, text, _ := strings.Cut(rest, ":")
	version, err := strconv.Atoi(number)
	if err != nil || version < v.least || version > len(v.versions) {
		return nil, fmt.Errorf("ciphertext or signature version is disallowed by policy (too old)")
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	aad, bad := base64.StdEncoding.DecodeString(q.AAD)
	if err != nil || bad != nil || len(sealed) < 12 {
		return nil, fmt.Errorf("invalid ciphertext: could not decode base64")
	}
	return v.versions[version-1].Open(nil, sealed[:12], sealed[12:], aad)
}

func answer(w http.ResponseWriter, data map[string]any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}
