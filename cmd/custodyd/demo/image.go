package demo

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
)

// imageSize is more than four blocks of 8 MiB, so that a block tree, several
// parts and a last short block all occur.
const imageSize = 36 << 20

// madeImage is the name of the image that is made where none is given.
const madeImage = "exhibit-1.img"

// exhibits are the files on the made image: what a seized stick might hold,
// Urdu names included.
var exhibits = []struct {
	path string
	text string // nil-length: pseudo-random bytes of size
	size int
}{
	{path: "README.txt", text: "Made for a demonstration of the evidence custody service. No real evidence.\n"},
	{path: "دستاویزات/معاہدہ.txt", text: "یہ ایک نمونہ دستاویز ہے۔\n"},
	{path: "دستاویزات/حساب کتاب.csv", text: "تاریخ,رقم\n2026-01-01,1000\n"},
	{path: "photos/IMG_0001.raw", size: 3 << 20},
	{path: "photos/تصویر.raw", size: 1 << 20},
	{path: "mail/inbox.mbox", text: "From: a@example.org\nTo: b@example.org\nSubject: demonstration\n\nNothing to see.\n"},
}

// MakeImage writes a small ext4 image with a few files to a new file at name.
func MakeImage(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't make the image: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(imageSize); err != nil {
		return fmt.Errorf("couldn't make the image: %w", err)
	}
	fs, err := ext4.Create(file.New(f, false), imageSize, 0, 512, &ext4.Params{VolumeName: "EXHIBIT-1"})
	if err != nil {
		return fmt.Errorf("couldn't make the image's file system: %w", err)
	}
	noise := rand.NewChaCha8([32]byte{'c', 'u', 's', 't', 'o', 'd', 'y'})
	for _, e := range exhibits {
		content := []byte(e.text)
		if e.size > 0 {
			content = make([]byte, e.size)
			_, _ = noise.Read(content) // never fails
		}
		if err := addFile(fs, e.path, content); err != nil {
			return fmt.Errorf("couldn't write %s into the image: %w", e.path, err)
		}
	}
	if err := fs.Close(); err != nil {
		return fmt.Errorf("couldn't finish the image: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("couldn't finish the image: %w", err)
	}
	return f.Close()
}

func addFile(fs *ext4.FileSystem, name string, content []byte) error {
	if dir := path.Dir(name); dir != "." {
		if err := fs.Mkdir(dir); err != nil {
			return err
		}
	}
	out, err := fs.OpenFile(name, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	if _, err := out.Write(content); err != nil {
		return err
	}
	return out.Close()
}
