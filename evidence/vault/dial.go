package vault

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// silence is how long a connection to the store may hear nothing of its
// other end, before it is given up and another one is made. Without a bound a
// store that moved, or a network that was cut, is noticed after a quarter of
// an hour. It is the machines' silence, not the program's: however long an
// answer takes, the other machine confirms that it is there.
const silence = 15 * time.Second

// newDialer makes connections that notice when nobody is there any more.
func newDialer() *net.Dialer {
	return &net.Dialer{Timeout: silence,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 2},
		Control: func(network, _ string, c syscall.RawConn) error {
			if !strings.HasPrefix(network, "tcp") {
				return nil
			}
			var err error
			if cerr := c.Control(func(fd uintptr) { err = boundSilence(fd, silence) }); cerr != nil {
				return cerr
			}
			return err
		}}
}

// socketBuffer is what of a part may lie between us and a server on the same
// machine, in bytes: the fewer times they wait for each other the better. A
// system may allow less.
const socketBuffer = 4 << 20

// dialSocket makes connections to a unix socket.
func dialSocket(path string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		if u, ok := c.(*net.UnixConn); ok {
			_ = u.SetWriteBuffer(socketBuffer) // it works with less, too
		}
		return wide{c}, nil
	}
}

// announced takes no more than was announced.
type announced struct {
	net.Conn
	left int64
}

func (a *announced) Write(b []byte) (int, error) {
	if int64(len(b)) > a.left {
		return 0, errors.New("couldn't send a part: it is longer than it was said to be")
	}
	n, err := a.Conn.Write(b)
	a.left -= int64(n)
	return n, err
}

// wide sends a body in long pieces. net/http, left alone, copies 32 KiB at a
// time into a unix socket.
type wide struct{ net.Conn }

var wideBuffers = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// ReadFrom implements io.ReaderFrom, which net/http asks for. It limits a body
// to the length it announced: behind that limit is what may write itself.
func (c wide) ReadFrom(r io.Reader) (sent int64, err error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if body, ok := l.R.(*watchedBody); ok {
			sent, err = body.WriteTo(&announced{c.Conn, l.N})
			l.N -= sent
			return sent, err
		}
	}
	buf := wideBuffers.Get().(*[1 << 20]byte)
	defer wideBuffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			m, werr := c.Write(buf[:n])
			sent += int64(m)
			if werr != nil {
				return sent, werr
			}
		}
		if err == io.EOF {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}
