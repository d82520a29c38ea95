package pace

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// BenchmarkDeposit is all of a deposit: the people's command reads, measures
// and sends the file, the service measures it again, stores it in its own store
// and records it; timed until the receipt, of evidence that is then durable. At
// BenchmarkIdeal and BenchmarkStock stands what it is to be compared with.
func BenchmarkDeposit(t *testing.B) {
	b := setUp(t)
	for _, run := range []struct {
		name, encryption string
		also             evidence.Legacy
	}{
		{"in plain", "off", 0},
		{"in plain, MD5 and SHA-1 too", "off", evidence.MD5 | evidence.SHA1},
		{"encrypted", "on", 0},
		{"encrypted, MD5 and SHA-1 too", "on", evidence.MD5 | evidence.SHA1},
	} {
		t.Run(run.name, func(t *testing.B) {
			p := stage.ServeProcess(t, stage.Dir(t), "--mode", "test", "--encryption", run.encryption)
			who := stage.NewCast(t, p.URL, p.Token).Investigator
			kase := who.OpenCase(t)
			processes := append(children(t, p.PID()), p.PID())
			deposit := func() {
				if _, err := who.Desk.Deposit(stage.Context(t), desk.Depositing{Path: b.file, Case: kase, Role: custody.RoleMaster, Legacy: run.also}); err != nil {
					t.Fatal(err)
				}
			}
			b.stamp(t)
			if b.size >= large { // as in measure
				deposit()
				b.stamp(t)
			}
			b.warm(t)
			t.SetBytes(b.size)
			before := ownTime(t)
			for _, pid := range processes {
				before += processTime(t, pid)
			}
			n := 0
			for t.Loop() {
				if n > 0 { // other bytes: the same ones are refused
					t.StopTimer()
					b.stamp(t)
					t.StartTimer()
				}
				deposit()
				n++
			}
			after := ownTime(t)
			for _, pid := range processes {
				after += processTime(t, pid)
			}
			t.ReportMetric((after-before).Seconds()/(float64(b.size)*float64(n)/1e9), "all-cpu-s/GB")
		})
	}
}

// stamp makes other bytes of the file.
func (b *bench) stamp(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile(b.file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())), 0); err != nil {
		t.Fatal(err)
	}
}

// children are a process's children, such as the service's S3 server.
func children(t testing.TB, parent int) (pids []int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		before, after, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(after)
		pid, err := strconv.Atoi(strings.Fields(before)[0])
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatalf("process %d has no children", parent)
	}
	return pids
}
