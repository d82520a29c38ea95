package locals3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/versity/versitygw/backend/posix"
)

// inProgress is the ending the gateway gives to an upload's directory while it
// completes it.
const inProgress = ".inprogress"

// repair gives uploads back that a killed server was about to complete. The
// gateway takes such a directory for a Complete still running and answers
// every further one with success, though no object ever appears.
//
// If the object is there, made from this upload, only the clearing up was
// missing. Otherwise all parts are still in the directory, since the gateway
// removes them last, and the upload can be completed again.
func repair(a *attributes) error {
	parents, err := filepath.Glob(filepath.Join("*", posix.MetaTmpMultipartDir, "*"))
	if err != nil {
		return err
	}
	for _, parent := range parents {
		entries, err := os.ReadDir(parent)
		if err != nil {
			return fmt.Errorf("couldn't look for interrupted uploads: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			mend := a.mendInPlace
			if strings.HasSuffix(e.Name(), inProgress) {
				mend = a.giveBack
			}
			if err := mend(parent, e.Name()); err != nil {
				return fmt.Errorf("couldn't repair the interrupted upload %s: %w", e.Name(), err)
			}
		}
	}
	return nil
}

func (a *attributes) giveBack(parent, name string) error {
	bucket, inBucket, _ := strings.Cut(parent, string(filepath.Separator))
	id, _, _ := strings.Cut(name, ".")
	key, err := a.RetrieveAttribute(nil, bucket, inBucket, nameAttribute)
	if err != nil {
		return err
	}
	if a.madeFrom(bucket, string(key), id) {
		// Two names of one event: parts are removed only after the object,
		// synced before it was linked, has its name for good.
		if err := a.settle(filepath.Dir(filepath.Join(bucket, string(key)))); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(parent, name)); err != nil {
			return err
		}
		_ = os.Remove(parent) // stays if it holds other uploads of the key
		return a.DeleteAttributes(bucket, filepath.Join(inBucket, name))
	}
	if err := os.Rename(filepath.Join(parent, name), filepath.Join(parent, id)); err != nil {
		return err
	}
	// In a sidecar the attributes are moved second, so they may not have been.
	err = a.RenameObject(bucket, filepath.Join(inBucket, name), filepath.Join(inBucket, id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return a.settle(parent)
}

// mendInPlace clears up behind an upload whose parts are written in place, if
// it is one: when its object was linked and nothing more was done; when it was
// being made or removed, of which nobody has been told or somebody has asked
// for it; and what is left of parts that were sent again.
func (a *attributes) mendInPlace(parent, id string) error {
	dir := filepath.Join(parent, id)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	files := map[string]bool{}
	for _, e := range entries {
		files[e.Name()] = true
	}
	if !files[objectFile] && !files[registerFile] {
		return nil
	}
	bucket, inBucket, _ := strings.Cut(parent, string(filepath.Separator))
	key, err := a.RetrieveAttribute(nil, bucket, inBucket, nameAttribute)
	if err != nil {
		return err
	}
	if a.madeFrom(bucket, string(key), id) {
		return a.clear(bucket, string(key), id)
	}
	if written, err := begun(filepath.Join(dir, registerFile)); err != nil {
		return err
	} else if !written || !files[objectFile] {
		return a.discard(bucket, inBucket, id)
	}
	r, err := openRegister(filepath.Join(dir, registerFile))
	if errors.Is(err, errRegister) {
		return nil // it was whole, and a disk has damaged it: nothing is thrown away
	}
	if err != nil {
		return err
	}
	defer r.close()
	there, err := r.entries()
	if err != nil {
		return err
	}
	for n, e := range there {
		if e.turn > 0 {
			delete(files, aside(n, e.turn))
		}
	}
	for name := range files {
		if strings.HasPrefix(name, "part-") {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// begun reports whether there is a register with anything in its first slot: a
// crash before it was on the disk leaves none, a short one, or zeros.
func begun(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	b := make([]byte, slotSize)
	if _, err := f.ReadAt(b, 0); errors.Is(err, io.EOF) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return !bytes.Equal(b, make([]byte, slotSize)), nil
}
