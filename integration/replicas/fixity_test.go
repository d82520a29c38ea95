package replicas

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custodyd/service"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ledger/localpg"
	"github.com/evidence-custody/custodyd/evidence/vault"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// replicaVariable makes this test binary a replica instead, of what it holds: one
// in a process of its own can be killed.
const replicaVariable = "CUSTODY_TEST_REPLICA"

// part is a replica's options, as far as they travel.
type part struct {
	Data, Keys string
	Database   service.Database
	Store      struct {
		Socket, Region, Bucket, AccessKey, SecretKey string
		Mode                                         vault.Mode
		Period                                       time.Duration
	}
	Rate uint64
}

// play is that replica's life.
func play(of string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var p part
	if err := json.Unmarshal([]byte(of), &p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	svc, err := service.Start(ctx, service.Options{Data: p.Data, KeysDir: p.Keys, Listen: "127.0.0.1:0", Mode: custody.ModeTest, Database: &p.Database, FixityRate: p.Rate,
		Store: &vault.Config{Socket: p.Store.Socket, Region: p.Store.Region, Bucket: p.Store.Bucket, AccessKey: p.Store.AccessKey, SecretKey: p.Store.SecretKey, Mode: p.Store.Mode, Period: p.Store.Period}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("serving")
	<-ctx.Done()
	if err := svc.Stop(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startPart starts a replica in a process of its own, on what o says.
func startPart(t *testing.T, o service.Options) *exec.Cmd {
	t.Helper()
	p := part{Data: o.Data, Keys: o.KeysDir, Database: *o.Database, Rate: o.FixityRate}
	s := o.Store
	p.Store.Socket, p.Store.Region, p.Store.Bucket, p.Store.AccessKey, p.Store.SecretKey, p.Store.Mode, p.Store.Period = s.Socket, s.Region, s.Bucket, s.AccessKey, s.SecretKey, s.Mode, s.Period
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), replicaVariable+"="+string(b))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	word := make([]byte, len("serving"))
	if _, err := out.Read(word); err != nil || string(word) != "serving" {
		t.Fatalf("the replica says %q: %v", word, err)
	}
	return cmd
}

// round is one reading back of every copy, looked at from the database.
type round struct {
	t  *testing.T
	db *sql.DB
}

// ask has every copy read back.
func (r round) ask() {
	r.t.Helper()
	r.exec(`UPDATE custody.fixity SET turn = '-infinity', not_before = '-infinity'`)
}

func (r round) exec(query string, args ...any) {
	r.t.Helper()
	if _, err := r.db.ExecContext(stage.Context(r.t), query, args...); err != nil {
		r.t.Fatal(err)
	}
}

// names are the replicas that hold something, or are connected, as query says.
func (r round) names(query string) (names []string) {
	r.t.Helper()
	rows, err := r.db.QueryContext(stage.Context(r.t), query)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			r.t.Fatal(err)
		}
		names = append(names, s)
	}
	return names
}

func (r round) connected() []string {
	return r.names(`SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name LIKE 'custodyd-%'`)
}

func (r round) holders() []string {
	return r.names(`SELECT holder FROM custody.fixity WHERE holder IS NOT NULL AND held_until > now()`)
}

// left are the items that wait to be read.
func (r round) left() (n int) {
	r.t.Helper()
	if err := r.db.QueryRowContext(stage.Context(r.t), `SELECT count(*) FROM custody.fixity WHERE turn = '-infinity'`).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// each: every item has so many events that say that its copy is whole, and none
// that says another thing.
func (r round) each(items, events int) {
	r.t.Helper()
	var of, least, most, others int
	if err := r.db.QueryRowContext(stage.Context(r.t), `WITH said AS (
			SELECT decode(convert_from(payload, 'UTF8')::jsonb #>> '{predicate,body,item}', 'hex') AS item, count(*) FILTER (WHERE kind = 'fixity.passed') AS passed, count(*) FILTER (WHERE kind <> 'fixity.passed') AS others
			FROM custody.events WHERE kind LIKE 'fixity.%' GROUP BY 1)
		SELECT count(*), coalesce(min(passed), 0), coalesce(max(passed), 0), coalesce(sum(others), 0) FROM said JOIN custody.fixity USING (item)`).Scan(&of, &least, &most, &others); err != nil {
		r.t.Fatal(err)
	}
	if of != items || least != events || most != events || others != 0 {
		r.t.Errorf("of %d items, %d were read back, each %d to %d times, and %d events say otherwise; want each %d times", items, of, least, most, others, events)
	}
}

// until waits for something that replicas do.
func (r round) until(what string, done func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestFixityIsShared: two replicas read every copy back, each copy by one of
// them, once a round; and where one is killed in the middle of a copy, the other
// takes that copy, too, when the dead one's time is over, and not before.
func TestFixityIsShared(t *testing.T) {
	o := stage.NewOutside(t)
	here := o.Options(filepath.Join(o.Dir, "here"), "")
	here.FixityRate = 12 << 20 // a copy takes long enough to be looked at
	svc := stage.Serve(t, here)
	token, _, err := svc.FirstToken(stage.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	cast := stage.NewCast(t, svc.URL(), token)
	kase := cast.Investigator.OpenCase(t)
	const items = 10
	for i := range items {
		cast.Investigator.Deposit(t, kase, nil, stage.File(t, 1<<20+int64(i)))
	}
	db, err := sql.Open("postgres", o.DSN(localpg.Database, localpg.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := round{t, db}
	mine := r.connected()
	if len(mine) != 1 {
		t.Fatalf("connected: %v", mine)
	}
	there := here
	there.Data, there.KeysDir = filepath.Join(o.Dir, "there"), filepath.Join(o.Dir, "there", "keys")
	stage.CopyKeys(t, filepath.Join(here.Data, "keys"), there.KeysDir)
	other := startPart(t, there)
	theirs := slices.DeleteFunc(r.connected(), func(s string) bool { return s == mine[0] })
	if len(theirs) != 1 {
		t.Fatalf("connected: %v and %v", mine, theirs)
	}

	// A round in which both live.
	r.ask()
	seen := map[string]bool{}
	r.until("a whole round", func() bool {
		for _, h := range r.holders() {
			seen[h] = true
		}
		return r.left() == 0 && len(r.holders()) == 0
	})
	if !seen[mine[0]] || !seen[theirs[0]] || len(seen) != 2 {
		t.Errorf("copies were read back by %v", seen)
	}
	r.each(items, 1)

	// A round in which one dies with a copy in its hands.
	r.ask()
	r.until("the other replica's having a copy in hand", func() bool {
		// Stopped, it can't get rid of it between the look and the end.
		signal := func(s os.Signal) {
			if err := other.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		signal(syscall.SIGSTOP)
		time.Sleep(20 * time.Millisecond) // what it asked of the database before
		if slices.Contains(r.holders(), theirs[0]) {
			return true
		}
		signal(syscall.SIGCONT)
		return false
	})
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the other replica ended: %v", err)
	}
	if !slices.Contains(r.holders(), theirs[0]) {
		t.Fatal("it was killed between two copies; this test shows nothing")
	}
	r.until("what nobody holds", func() bool { return r.left() == 1 && slices.Equal(r.holders(), theirs) })
	time.Sleep(1500 * time.Millisecond) // longer than a replica waits to look again
	if r.left() != 1 {
		t.Error("what another replica holds was taken from it before its time was over")
	}
	r.exec(`UPDATE custody.fixity SET held_until = now() WHERE holder = $1`, theirs[0]) // two minutes later, so to speak
	r.until("what the dead one left", func() bool { return r.left() == 0 && len(r.holders()) == 0 })
	r.each(items, 2)
	stage.Stop(t, svc)
	if result, err := service.Check(stage.Context(t), here, false, func(uint64, uint64) {}); err != nil || !result.Whole() || result.Artifacts != items {
		t.Errorf("the check found %+v, %v", result, err)
	}
}
