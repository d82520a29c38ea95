package ledger

import (
	"context"
	"maps"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

// silence is how long a connection to the database may hear nothing of its
// other end, before it is given up and another one is made. Without a bound a
// database that moved, or a network that was cut, is noticed after a quarter of
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

// dialer is newDialer's as the database's driver takes it.
type dialer struct{ *net.Dialer }

// DialTimeout implements pq.Dialer.
func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// forgetful makes the database forget a client that is gone. It would keep the
// lock on log_state for a replica that lost power in the middle of an append,
// or for our own old connection after a network was cut, for two hours, and
// until then nobody could append. What the connection string says goes first.
func forgetful(c *pq.Config) {
	all := map[string]string{
		"idle_in_transaction_session_timeout": "10s", // between two statements lie milliseconds
		"tcp_keepalives_idle":                 "5",
		"tcp_keepalives_interval":             "5",
		"tcp_keepalives_count":                "2",
		"tcp_user_timeout":                    "15s",
	}
	maps.Copy(all, c.Runtime)
	c.Runtime = all
}

// prompt is what the appender's connections have beside that: parameters in
// binary form, plans that are made once, and the isolation that its statement
// counts on, whatever the database's default is. A plan made while a table was
// small must not read all of it when it has grown: every question here has an
// index.
func prompt(c *pq.Config) {
	c.BinaryParameters = true
	c.Runtime = maps.Clone(c.Runtime)
	c.Runtime["plan_cache_mode"] = "force_generic_plan"
	c.Runtime["enable_seqscan"] = "off"
	c.Runtime["default_transaction_isolation"] = "read committed"
}
