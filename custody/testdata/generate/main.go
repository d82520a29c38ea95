// Generate writes the golden vectors into custody/testdata:
//
//	go run ./custody/testdata/generate
//
// It makes the same bytes every time.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/evidence-custody/custodyd/custody/testdata/golden"
)

func main() {
	if err := run(filepath.Join("custody", "testdata")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("couldn't find custody/testdata: run this in the module's root: %w", err)
	}
	for name, files := range golden.All(teller{}, dir) {
		if err := write(filepath.Join(dir, name), files); err != nil {
			return err
		}
	}
	return nil
}

// write puts the files into a folder that holds nothing else.
func write(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("couldn't clear the vectors: %w", err)
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("couldn't write %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("couldn't write %s: %w", name, err)
		}
	}
	fmt.Printf("%d files in %s\n", len(files), dir)
	return nil
}

// teller lets a story be told outside a test: what would fail the test ends
// the program.
type teller struct{ testing.TB }

func (teller) Helper() {}

func (teller) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"generate:"}, args...)...)
	os.Exit(1)
}

func (teller) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "generate: "+format+"\n", args...)
	os.Exit(1)
}
