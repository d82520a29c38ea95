package locals3

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"
)

// An upload whose creation says how large the object and its parts are has two
// files in its directory, beside which the gateway keeps nothing but
// attributes: the object, of its full length and with room on the disk for all
// of it, into which each part is written where it belongs; and the register,
// which says which parts are there. What the register doesn't hold is not
// there, whatever the object has in that place.
const (
	objectFile   = "object"
	registerFile = "register"
)

// The register is made of slots of 64 bytes: first the plan, then one for each
// part in order. A slot lies in one sector of the disk, and ends with a
// checksum: one that was torn counts as one that was not written.
const (
	slotSize  = 64
	slotSum   = slotSize - 8
	planMark  = 0x637573746f647901 // "custody", version 1
	entryMark = 0x637573746f647902
)

// plan is what was said of the object when its upload was created. Sizes are
// in bytes.
type plan struct {
	size, partSize int64
}

func (p plan) parts() int { return int((p.size + p.partSize - 1) / p.partSize) }

func (p plan) offset(n int) int64 { return int64(n-1) * p.partSize }

// length is of part n, and 0 if there is no such part.
func (p plan) length(n int) int64 {
	if n < 1 || n > p.parts() {
		return 0
	}
	return min(p.partSize, p.size-p.offset(n))
}

// entry says that a part is on the disk.
type entry struct {
	size int64
	crc  uint64
	at   time.Time
	// turn is 0 for bytes that are in their place in the object. A part that
	// was sent again with other bytes waits in a file of its own, named by part
	// and turn, until the upload is completed: bytes in place are those of an
	// acknowledged part, and never overwritten before.
	turn uint64
}

// etag is as the gateway makes it.
func (e entry) etag() string { return `"CRC64NVME-` + sum(e.crc) + `"` }

// aside names the file of a part that is not in its place.
func aside(n int, turn uint64) string {
	return "part-" + strconv.Itoa(n) + "-" + strconv.FormatUint(turn, 10)
}

var errRegister = errors.New("register of parts is damaged")

func sealed(words ...uint64) []byte {
	b := make([]byte, 0, slotSize)
	for _, w := range words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	b = b[:slotSum]
	return binary.BigEndian.AppendUint64(b, crc64nvme.Checksum(b))
}

func (p plan) slot() []byte { return sealed(planMark, uint64(p.size), uint64(p.partSize)) }

func (e entry) slot(n int) []byte {
	return sealed(entryMark, uint64(n), uint64(e.size), e.crc, e.turn, uint64(e.at.UnixNano()))
}

func word(b []byte, i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }

// parsePlan reads the first slot. It must be, to the bit, what would be
// written for what it says.
func parsePlan(b []byte) (plan, error) {
	if len(b) != slotSize {
		return plan{}, errRegister
	}
	p, err := newPlan(word(b, 1), word(b, 2))
	if err != nil || !bytes.Equal(p.slot(), b) {
		return plan{}, errRegister
	}
	return p, nil
}

// parseEntry reads the slot of part n; there is none if it is not whole.
func parseEntry(p plan, n int, b []byte) (entry, bool) {
	if len(b) != slotSize {
		return entry{}, false
	}
	e := entry{size: int64(word(b, 2)), crc: word(b, 3), turn: word(b, 4), at: time.Unix(0, int64(word(b, 5)))}
	return e, e.size == p.length(n) && bytes.Equal(e.slot(n), b)
}

// register is an open register.
type register struct {
	plan
	file *os.File
}

// writeRegister makes an empty register, on the disk when it returns. All of
// it is written, so that an entry needs no more room than that.
func writeRegister(path string, p plan) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(p.slot(), make([]byte, p.parts()*slotSize)...)); err != nil {
		return err
	}
	return f.Sync()
}

// openRegister opens the register of the upload's directory. Without one it is
// fs.ErrNotExist: then the parts are files of the gateway's.
func openRegister(path string) (*register, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	b := make([]byte, slotSize)
	_, err = f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = errRegister
	}
	r := &register{file: f}
	if err == nil {
		r.plan, err = parsePlan(b)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return r, nil
}

func (r *register) close() { r.file.Close() }

// entry returns what the register says of part n.
func (r *register) entry(n int) (entry, bool, error) {
	b := make([]byte, slotSize)
	if _, err := r.file.ReadAt(b, int64(n)*slotSize); err != nil {
		return entry{}, false, fmt.Errorf("couldn't read the register: %w", err)
	}
	e, ok := parseEntry(r.plan, n, b)
	return e, ok, nil
}

// entries returns all parts that are there, by number.
func (r *register) entries() (map[int]entry, error) {
	b := make([]byte, r.parts()*slotSize)
	if _, err := r.file.ReadAt(b, slotSize); err != nil {
		return nil, fmt.Errorf("couldn't read the register: %w", err)
	}
	all := map[int]entry{}
	for n := 1; n <= r.parts(); n++ {
		if e, ok := parseEntry(r.plan, n, b[(n-1)*slotSize:n*slotSize]); ok {
			all[n] = e
		}
	}
	return all, nil
}

// enter says that part n is on the disk, and returns when that is on the disk.
func (r *register) enter(n int, e entry) error {
	if _, err := r.file.WriteAt(e.slot(n), int64(n)*slotSize); err != nil {
		return fmt.Errorf("couldn't enter part %d: %w", n, err)
	}
	if err := unix.Fdatasync(int(r.file.Fd())); err != nil {
		return fmt.Errorf("couldn't enter part %d: %w", n, err)
	}
	return nil
}
