package locals3

import (
	"errors"
	"fmt"
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
			if e.IsDir() && strings.HasSuffix(e.Name(), inProgress) {
				if err := a.giveBack(parent, e.Name()); err != nil {
					return fmt.Errorf("couldn't repair the interrupted upload %s: %w", e.Name(), err)
				}
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
