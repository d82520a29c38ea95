package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// Passphrase asks for a passphrase; prompt says what it opens.
type Passphrase func(prompt string) ([]byte, error)

// MinPassphrase is the shortest passphrase, in characters, for a new key.
const MinPassphrase = 10

// EnvPassphraseFile names the environment variable with the path of a file
// that holds the passphrase. The passphrase itself is never taken from the
// environment or the command line, which other processes can read.
const EnvPassphraseFile = "CUSTODY_PASSPHRASE_FILE"

// Refusals of passphrases.
var (
	ErrWeakPassphrase = fmt.Errorf("passphrase is shorter than %d characters", MinPassphrase)
	ErrNoTerminal     = errors.New("no terminal to ask for a passphrase (use --passphrase-file or " + EnvPassphraseFile + ")")
)

// CheckStrength refuses what must not protect a new key. An old key opens
// with whatever it was made with.
func CheckStrength(passphrase []byte) error {
	if utf8.RuneCount(passphrase) < MinPassphrase {
		return ErrWeakPassphrase
	}
	return nil
}

// FromFile reads the passphrase from a file, less one line end.
func FromFile(path string) Passphrase {
	return func(string) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("couldn't open passphrase file: %w", err)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, 4097))
		if err != nil {
			return nil, fmt.Errorf("couldn't read passphrase file: %w", err)
		}
		if len(b) > 4096 {
			return nil, errors.New("couldn't read passphrase file: longer than 4096 bytes")
		}
		b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
		if len(b) == 0 {
			return nil, errors.New("couldn't read passphrase file: empty")
		}
		return b, nil
	}
}

// FromTerminal asks on a terminal, without echo; confirm asks twice, as for a
// new key.
func FromTerminal(in *os.File, out io.Writer, confirm bool) Passphrase {
	return func(prompt string) ([]byte, error) {
		fd := int(in.Fd())
		if !term.IsTerminal(fd) {
			return nil, ErrNoTerminal
		}
		ask := func(text string) ([]byte, error) {
			fmt.Fprintf(out, "%s: ", text)
			b, err := term.ReadPassword(fd)
			fmt.Fprintln(out)
			if err != nil {
				return nil, fmt.Errorf("couldn't read passphrase: %w", err)
			}
			return b, nil
		}
		first, err := ask(prompt)
		if err != nil || !confirm {
			return first, err
		}
		second, err := ask("Once more")
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(first, second) {
			return nil, errors.New("the two passphrases differ")
		}
		return first, nil
	}
}

// Fixed answers with a passphrase that is already known, as in a
// demonstration.
func Fixed(passphrase []byte) Passphrase {
	return func(string) ([]byte, error) { return passphrase, nil }
}
