package keysafe

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	vault "github.com/hashicorp/vault/api"

	"github.com/evidence-custody/custodyd/evidence/vault/strongbox"
)

// sigstore's KMSs sign and verify. Data keys have to be encrypted, so for them
// the transit engine of Vault or OpenBao is spoken to directly: the
// key-encryption key never leaves it, and it notes each use in its own audit log.

// transitName is a key of the transit engine; with #N, one of its versions.
var transitName = regexp.MustCompile(`^(?:hashivault|openbao)://(\w(?:[\w.-]{0,126}\w)?)(?:#([1-9][0-9]{0,8}))?$`)

// ValidWrapping reports whether a URI names a key that can wrap data keys.
func ValidWrapping(uri string) bool {
	m := transitName.FindStringSubmatch(uri)
	return m != nil && m[2] == ""
}

// transitPatience bounds one question to the KMS.
const transitPatience = 15 * time.Second

// transitKey is one version of a key of the transit engine.
type transitKey struct {
	client  *vault.Client
	uri     string // without the version
	name    string
	version int
}

func (p Place) transit(uri string) (transitKey, error) {
	m := transitName.FindStringSubmatch(uri)
	if m == nil {
		return transitKey{}, fmt.Errorf("couldn't use key-encryption key %.80q: in a KMS it is a key of Vault's or OpenBao's transit engine, such as hashivault://custody-evidence", uri)
	}
	config := vault.DefaultConfig()
	if config.Error != nil {
		return transitKey{}, fmt.Errorf("couldn't read the environment's VAULT_… values: %w", config.Error)
	}
	if os.Getenv("VAULT_ADDR") == "" {
		if config.Address = os.Getenv("BAO_ADDR"); config.Address == "" {
			return transitKey{}, errors.New("couldn't reach the key-encryption key: VAULT_ADDR is not set")
		}
	}
	config.Timeout, config.MaxRetries = transitPatience, 1
	client, err := vault.NewClient(config)
	if err != nil {
		return transitKey{}, fmt.Errorf("couldn't reach the key-encryption key: %w", err)
	}
	if client.Token() == "" {
		client.SetToken(os.Getenv("BAO_TOKEN"))
	}
	if p.TokenFile != "" {
		b, err := os.ReadFile(p.TokenFile)
		if err != nil {
			return transitKey{}, fmt.Errorf("couldn't read the token: %w", err)
		}
		client.SetToken(strings.TrimSpace(string(b)))
	}
	k := transitKey{client: client, name: m[1], uri: strings.SplitN(uri, "#", 2)[0]}
	if m[2] != "" {
		k.version, _ = strconv.Atoi(m[2]) // of at most nine digits
	}
	return k, nil
}

// transitVersion is the key as the database names it, version and all. That it
// is there shows when it is used.
func (p Place) transitVersion(_ context.Context, id string) (Wrapping, error) {
	k, err := p.transit(id)
	if err != nil {
		return nil, err
	}
	if k.version == 0 {
		return nil, fmt.Errorf("couldn't use key-encryption key %s: it names no version", id)
	}
	return k, nil
}

// newestTransit asks for the newest version of a key.
func (p Place) newestTransit(ctx context.Context, uri string) (Wrapping, error) {
	k, err := p.transit(uri)
	if err != nil {
		return nil, err
	}
	if k.version != 0 {
		return nil, fmt.Errorf("couldn't use key-encryption key %s: the service chooses the version itself", uri)
	}
	answer, err := k.ask(ctx, http.MethodGet, "keys/", nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't find key-encryption key %s (vault write -f transit/keys/%s type=aes256-gcm96 makes it): %w", uri, k.name, err)
	}
	// The binding to its object is associated data, which other types have no
	// place for, and a key that can be exported or derived is another thing.
	if kind, _ := answer["type"].(string); kind != "aes256-gcm96" {
		return nil, fmt.Errorf("couldn't use key-encryption key %s: it is of type %.40q, and must be aes256-gcm96", uri, kind)
	}
	if derived, _ := answer["derived"].(bool); derived {
		return nil, fmt.Errorf("couldn't use key-encryption key %s: it is a derived one", uri)
	}
	number, _ := answer["latest_version"].(json.Number)
	version, err := number.Int64()
	if err != nil || version < 1 || version > 999_999_999 {
		return nil, fmt.Errorf("couldn't use key-encryption key %s: its newest version is %.20q", uri, number)
	}
	k.version = int(version)
	return k, nil
}

// RotateTransit has the KMS make a new version of a key.
func (p Place) RotateTransit(ctx context.Context, uri string) error {
	k, err := p.transit(uri)
	if err != nil {
		return err
	}
	if _, err := k.ask(ctx, http.MethodPost, "keys/", map[string]any{}, "/rotate"); err != nil {
		return fmt.Errorf("couldn't have key-encryption key %s rotated (vault write -f transit/keys/%s/rotate does so): %w", uri, k.name, err)
	}
	return nil
}

// ForbidBelow has the KMS decrypt nothing any more that versions before this
// one wrapped.
func (p Place) ForbidBelow(ctx context.Context, id string) error {
	k, err := p.transit(id)
	if err != nil {
		return err
	}
	if _, err := k.ask(ctx, http.MethodPost, "keys/", map[string]any{"min_decryption_version": k.version}, "/config"); err != nil {
		return fmt.Errorf("couldn't have versions of %s before %d closed: %w", k.uri, k.version, err)
	}
	return nil
}

func (k transitKey) ID() string { return k.uri + "#" + strconv.Itoa(k.version) }

// ask puts one question about the key: what to do, the key, and what of it.
func (k transitKey) ask(ctx context.Context, method, what string, body map[string]any, of ...string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, transitPatience)
	defer cancel()
	path := "transit/" + what + k.name + strings.Join(of, "")
	var answer *vault.Secret
	var err error
	if method == http.MethodGet {
		answer, err = k.client.Logical().ReadWithContext(ctx, path)
	} else {
		answer, err = k.client.Logical().WriteWithContext(ctx, path, body)
	}
	if err != nil {
		return nil, err
	}
	if answer == nil {
		if method == http.MethodGet {
			return nil, errors.New("there is no such key")
		}
		return nil, nil // done, and nothing to say
	}
	return answer.Data, nil
}

func (k transitKey) prefix() string { return "vault:v" + strconv.Itoa(k.version) + ":" }

// Wrap implements Wrapping.
func (k transitKey) Wrap(ctx context.Context, object string, d *strongbox.DataKey) ([]byte, error) {
	aad, err := strongbox.Binding(k.ID(), object)
	if err != nil {
		return nil, err
	}
	secret := d.Expose()
	defer clear(secret)
	answer, err := k.ask(ctx, http.MethodPut, "encrypt/", map[string]any{"plaintext": base64.StdEncoding.EncodeToString(secret),
		"associated_data": base64.StdEncoding.EncodeToString(aad), "key_version": k.version})
	if err != nil {
		return nil, fmt.Errorf("couldn't have the data key of %s wrapped: %w", object, err)
	}
	wrapped, _ := answer["ciphertext"].(string)
	if !strings.HasPrefix(wrapped, k.prefix()) {
		return nil, fmt.Errorf("couldn't have the data key of %s wrapped: the KMS answers something else than its version %d makes", object, k.version)
	}
	return []byte(wrapped), nil
}

// Unwrap implements Wrapping.
func (k transitKey) Unwrap(ctx context.Context, object string, wrapped []byte) (*strongbox.DataKey, error) {
	aad, err := strongbox.Binding(k.ID(), object)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(string(wrapped), k.prefix()) {
		return nil, fmt.Errorf("couldn't unwrap the data key of %s: %w", object, strongbox.ErrWrapped)
	}
	answer, err := k.ask(ctx, http.MethodPut, "decrypt/", map[string]any{"ciphertext": string(wrapped),
		"associated_data": base64.StdEncoding.EncodeToString(aad)})
	var said *vault.ResponseError
	switch {
	// The engine's 400 is its word for what it did not wrap.
	case errors.As(err, &said) && said.StatusCode == http.StatusBadRequest:
		return nil, fmt.Errorf("couldn't unwrap the data key of %s: %w: %w", object, strongbox.ErrWrapped, err)
	case err != nil:
		return nil, fmt.Errorf("couldn't have the data key of %s unwrapped: %w", object, err)
	}
	text, _ := answer["plaintext"].(string)
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("couldn't have the data key of %s unwrapped: the KMS answers no base64", object)
	}
	defer clear(secret)
	return strongbox.DataKeyOf(secret)
}
