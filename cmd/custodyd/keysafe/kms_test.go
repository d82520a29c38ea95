package keysafe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

// plugin is the program that sigstore runs for kept://, a KMS of these tests:
// its keys are files. TestMain calls it.
func plugin() error {
	args, err := handler.GetPluginArgs(os.Args)
	if err != nil {
		return err
	}
	key, err := readKey(args.InitOptions.KeyResourceID)
	if err != nil {
		return err
	}
	sv, err := signature.LoadSignerVerifier(key, args.InitOptions.HashFunc)
	if err != nil {
		return err
	}
	_, err = handler.Dispatch(os.Stdout, os.Stdin, args, kept{sv})
	return err
}

// kept is what a plug-in implements besides signing.
type kept struct{ signature.SignerVerifier }

var errUnused = errors.New("not in this test")

func (kept) CreateKey(context.Context, string) (crypto.PublicKey, error) { return nil, errUnused }
func (kept) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	return nil, nil, errUnused
}
func (kept) SupportedAlgorithms() []string { return nil }
func (kept) DefaultAlgorithm() string      { return "" }

// Install puts the KMS's program on the test's PATH.
func Install(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(dir, "sigstore-kms-kept")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestPlugin(t *testing.T) {
	Install(t)
	files := Place{Dir: t.TempDir()}
	local, err := Open(t.Context(), files, true)
	if err != nil {
		t.Fatal(err)
	}
	p := Place{Service: "kept://" + files.Dir + "/service.pem", Log: "kept://" + files.Dir + "/log.pem"}
	k, err := Open(t.Context(), p, false)
	if err != nil {
		t.Fatal(err)
	}
	if k.Service.Public().ID() != local.Service.Public().ID() {
		t.Error("the plug-in shows another key")
	}
	works(t, k)
	p.Log = p.Service
	if _, err := Open(t.Context(), p, false); err == nil {
		t.Errorf("keys mixed up: %v", err)
	}
	p.Log = "absent://key"
	if _, err := Open(t.Context(), p, false); err == nil {
		t.Error("a KMS that nobody installed opens")
	}
	p.Log = "kept://" + files.Dir + "/none"
	if _, err := Open(t.Context(), p, false); err == nil {
		t.Error("a key that the KMS does not have opens")
	}
}

// transit answers as Vault's transit engine does, for two keys.
type transit struct {
	mu      sync.Mutex
	service *ecdsa.PrivateKey
	log     ed25519.PrivateKey
	rotated *ecdsa.PrivateKey // what the engine signs with after a rotation
	token   string
}

func (v *transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fail := func(code int, why string) {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"errors":[%q]}`, why)
	}
	if r.Header.Get("X-Vault-Token") != v.token {
		fail(http.StatusForbidden, "permission denied")
		return
	}
	answer := func(data map[string]any) { _ = json.NewEncoder(w).Encode(map[string]any{"data": data}) }
	var in struct {
		Input     string `json:"input"`
		Prehashed bool   `json:"prehashed"`
	}
	switch {
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/transit/keys/"):
		name, public := "P-256", ""
		if strings.HasSuffix(r.URL.Path, "/custody-log") {
			name, public = "ed25519", base64.StdEncoding.EncodeToString(v.log.Public().(ed25519.PublicKey))
		} else {
			der, err := x509.MarshalPKIXPublicKey(&v.service.PublicKey)
			if err != nil {
				fail(http.StatusInternalServerError, err.Error())
				return
			}
			public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		}
		answer(map[string]any{"latest_version": 1, "keys": map[string]any{"1": map[string]any{"name": name, "public_key": public}}})
	case strings.HasPrefix(r.URL.Path, "/v1/transit/sign/"):
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
		input, err := base64.StdEncoding.DecodeString(in.Input)
		if err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
		var sig []byte
		switch {
		case strings.Contains(r.URL.Path, "/custody-log") && !in.Prehashed:
			sig = ed25519.Sign(v.log, input)
		case strings.Contains(r.URL.Path, "/custody-service") && in.Prehashed && len(input) == sha256.Size:
			key := v.service
			if v.rotated != nil {
				key = v.rotated
			}
			sig, err = ecdsa.SignASN1(rand.Reader, key, input)
		default:
			err = fmt.Errorf("unsupported: %s, prehashed %v", r.URL.Path, in.Prehashed)
		}
		if err != nil {
			fail(http.StatusBadRequest, err.Error())
			return
		}
		answer(map[string]any{"signature": "vault:v1:" + base64.StdEncoding.EncodeToString(sig)})
	default:
		fail(http.StatusNotFound, "no such path")
	}
}

func TestVault(t *testing.T) {
	v := &transit{service: newP256(t), token: "s.operator"}
	_, v.log, _ = ed25519.GenerateKey(rand.Reader)
	server := httptest.NewServer(v)
	defer server.Close()
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", "")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(v.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Place{Dir: t.TempDir(), Service: "hashivault://custody-service", Log: "openbao://custody-log", TokenFile: token}
	k, err := Open(t.Context(), p, true)
	if err != nil {
		t.Fatal(err)
	}
	works(t, k)
	// The post-quantum key alone, which no KMS has, is a file.
	if left, err := os.ReadDir(p.Dir); err != nil || len(left) != 1 || left[0].Name() != "log-mldsa.pem" {
		t.Errorf("%d files were made for keys in a KMS: %v", len(left), err)
	}
	// One key in the KMS, one in a file.
	mixed := Place{Dir: p.Dir, Service: p.Service, TokenFile: token}
	if k, err = Open(t.Context(), mixed, true); err != nil {
		t.Fatal(err)
	}
	works(t, k)

	v.mu.Lock()
	v.rotated = newP256(t)
	v.mu.Unlock()
	if _, err := k.Service.Sign([]byte("x")); err == nil {
		t.Error("a signature by a rotated key came out")
	}
	if err := os.WriteFile(token, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), p, false); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong token: %v", err)
	}
}
