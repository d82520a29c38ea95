package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// copyChanged copies a file and changes one byte in the middle of the copy.
func copyChanged(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	n, err := io.Copy(out, in)
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("the image is empty")
	}
	var b [1]byte
	if _, err := out.ReadAt(b[:], n/2); err != nil {
		return fmt.Errorf("couldn't change byte %d: %w", n/2, err)
	}
	b[0] ^= 0x01
	if _, err := out.WriteAt(b[:], n/2); err != nil {
		return fmt.Errorf("couldn't change byte %d: %w", n/2, err)
	}
	return out.Close()
}
