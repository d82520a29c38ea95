package ledger

import (
	"testing"

	"github.com/lib/pq"
)

// TestForgetful: what the operator says in the connection string stands.
func TestForgetful(t *testing.T) {
	c, err := pq.NewConfig("host=db.example.org user=custody_app dbname=custody sslmode=disable tcp_user_timeout=60s")
	if err != nil {
		t.Fatal(err)
	}
	forgetful(&c)
	if c.Runtime["tcp_user_timeout"] != "60s" || c.Runtime["idle_in_transaction_session_timeout"] != "10s" {
		t.Errorf("the database is told %v", c.Runtime)
	}
}
