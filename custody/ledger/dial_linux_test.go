package ledger

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDialerBoundsSilence: package integration/faults shows what it is for.
func TestDialerBoundsSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := newDialer().DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var bound, alive int
	if err := raw.Control(func(fd uintptr) {
		bound, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		alive, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	}); err != nil {
		t.Fatal(err)
	}
	if bound != int(silence.Milliseconds()) || alive == 0 {
		t.Errorf("unconfirmed bytes are waited for %d ms, keep-alives: %d", bound, alive)
	}
}
