package vault

import (
	"net"
	"strings"
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
