package ledger

import (
	"encoding/binary"

	"github.com/evidence-custody/custodyd/custody"
)

// column is an array parameter in PostgreSQL's binary form, which the server
// copies where it would have to parse the text form. Only connections with
// binary_parameters=yes take it, which are the appender's.
type column struct {
	element uint32 // type's object id, as pg_type.dat fixes it
	n       int
	nulls   bool
	b       []byte // the elements
}

const (
	oidBytea = 17
	oidInt8  = 20
	oidText  = 25
)

// arrayHeader is what stands before the elements: dimensions, whether there
// are nulls, element type, and the one dimension's length and lower bound.
const arrayHeader = 20

func newColumn(element uint32, n, width int) *column {
	return &column{element: element, b: make([]byte, arrayHeader, arrayHeader+n*(4+width))}
}

func byteas(n, width int) *column { return newColumn(oidBytea, n, width) }
func int8s(n int) *column         { return newColumn(oidInt8, n, 8) }
func texts(n, width int) *column  { return newColumn(oidText, n, width) }

func (c *column) bytes(v []byte) {
	c.n++
	c.b = binary.BigEndian.AppendUint32(c.b, uint32(len(v)))
	c.b = append(c.b, v...)
}

func (c *column) text(v string) {
	c.n++
	c.b = binary.BigEndian.AppendUint32(c.b, uint32(len(v)))
	c.b = append(c.b, v...)
}

func (c *column) int(v uint64) {
	c.n++
	c.b = binary.BigEndian.AppendUint32(c.b, 8)
	c.b = binary.BigEndian.AppendUint64(c.b, v)
}

func (c *column) null() {
	c.n++
	c.nulls = true
	c.b = binary.BigEndian.AppendUint32(c.b, 1<<32-1)
}

// id writes a digest, null for nil.
func (c *column) id(id *custody.ID) {
	if id == nil {
		c.null()
		return
	}
	c.bytes(id[:])
}

// array is the parameter.
func (c *column) array() []byte {
	dimensions, nulls := uint32(1), uint32(0)
	if c.nulls {
		nulls = 1
	}
	if c.n == 0 {
		dimensions, c.b = 0, c.b[:arrayHeader-8]
	} else {
		binary.BigEndian.PutUint32(c.b[12:], uint32(c.n))
		binary.BigEndian.PutUint32(c.b[16:], 1)
	}
	binary.BigEndian.PutUint32(c.b, dimensions)
	binary.BigEndian.PutUint32(c.b[4:], nulls)
	binary.BigEndian.PutUint32(c.b[8:], c.element)
	return c.b
}

// idColumn is a bytea[] of digests.
func idColumn(ids []custody.ID) []byte {
	c := byteas(len(ids), len(custody.ID{}))
	for i := range ids {
		c.bytes(ids[i][:])
	}
	return c.array()
}
