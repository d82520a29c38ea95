package ledger

import (
	"time"

	"golang.org/x/sys/unix"
)

// boundSilence bounds how long sent bytes may stay unconfirmed, which
// keep-alives alone don't.
func boundSilence(fd uintptr, d time.Duration) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
