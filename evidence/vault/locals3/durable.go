package locals3

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"golang.org/x/sys/unix"
)

const (
	partsAttribute   = "mp-metadata" // an object's upload id and part sizes
	versionAttribute = "version-id"
	nameAttribute    = "objname" // on an upload's parent: the key
	// maxAttribute is how much of a part list goes into an attribute. ext4
	// keeps all attributes of a file in one block of 4 KiB.
	maxAttribute = 1 << 10
)

// attributes keep what the gateway stores beside the bytes.
type attributes struct {
	meta.MetadataStorer
	dir     string // everything stored lies below it
	sidecar bool
}

// StoreAttribute syncs a file before the gateway links it into place, which it
// does after its last attribute: the part list for a completed object, any for
// an older version, which is then a copy and stored with no object name. A
// crash after the link, when the gateway has removed the parts or changed the
// original, must not find a file whose bytes had only been in memory.
//
// The part list loses its sizes if it is too long: they only serve requests by
// part number, of which there are none, and their lack of room would fail
// Complete.
func (a *attributes) StoreAttribute(f *os.File, bucket, object, name string, value []byte) error {
	if f == nil || (name != partsAttribute && object != "") {
		return a.MetadataStorer.StoreAttribute(f, bucket, object, name, value)
	}
	if name == partsAttribute && object != "" {
		list, err := backend.UnmarshalMpUploadMetadata(value, false)
		if err != nil {
			return err
		}
		if err := wholeFile(f, list.Parts); err != nil {
			return err
		}
		if len(value) > maxAttribute {
			list.Parts = nil
			if value, err = backend.MarshalMpUploadMetadata(list, false); err != nil {
				return err
			}
		}
	}
	if err := a.MetadataStorer.StoreAttribute(f, bucket, object, name, value); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("couldn't sync %s: %w", bucket, err)
	}
	return a.syncSidecar()
}

// wholeFile refuses an object that hasn't the length of its parts; ends are
// where each of them ends.
func wholeFile(f *os.File, ends []int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if len(ends) == 0 || info.Size() != ends[len(ends)-1] {
		return fmt.Errorf("couldn't put %d parts together: the object has %d bytes: %w", len(ends), info.Size(), io.ErrShortWrite)
	}
	return nil
}

// syncSidecar makes attributes in a sidecar durable. They are many small files
// in many directories, so the whole file system is synced: slow, and only
// where extended attributes are missing.
func (a *attributes) syncSidecar() error {
	if !a.sidecar {
		return nil
	}
	d, err := os.Open(a.dir)
	if err != nil {
		return fmt.Errorf("couldn't sync the metadata: %w", err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("couldn't sync the metadata: %w", err)
	}
	return nil
}

// settle makes the names from path up to the root of what is stored durable,
// and with them the extended attributes of those directories. path is relative
// to the objects directory, the working directory of this process.
func (a *attributes) settle(path string) error {
	for dir := path; ; dir = filepath.Dir(dir) {
		if err := syncName(dir); err != nil {
			return err
		}
		if dir == "." || dir == "/" {
			return a.syncSidecar()
		}
	}
}

// settleIn is settle for a new name in a directory that is durable already.
func (a *attributes) settleIn(dir string) error {
	if err := syncName(dir); err != nil {
		return err
	}
	return a.syncSidecar()
}

func syncName(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't sync a directory: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("couldn't sync a directory: %w", err)
	}
	return nil
}

// assembly puts the parts of one object together.
//
// The gateway's own loop drops the error of a copy that failed after a failed
// clone, on a full disk for one, goes on, and publishes the object without the
// missing bytes but with the whole one's checksum. So the error is kept here,
// nothing more is copied, and StoreAttribute refuses a file that is not as
// long as its parts.
type assembly struct{ failed error }

// add appends the part to the object.
func (a *assembly) add(part, object *os.File) (repeatable bool, err error) {
	if a.failed == nil {
		a.failed = appendPart(part, object)
	}
	return true, nil
}

// appendPart appends by reference where the file system can (XFS, Btrfs), else
// by copying in the kernel.
func appendPart(part, object *os.File) error {
	src, err := part.Stat()
	if err != nil {
		return err
	}
	end, err := object.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	err = unix.IoctlFileCloneRange(int(object.Fd()), &unix.FileCloneRange{
		Src_fd: int64(part.Fd()), Src_length: uint64(src.Size()), Dest_offset: uint64(end),
	})
	if err == nil {
		return nil
	}
	n, err := io.Copy(object, part)
	if err == nil && n != src.Size() {
		err = io.ErrShortWrite
	}
	return err
}

// full reports whether err says that there is no room left.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
