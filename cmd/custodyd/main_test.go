package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/metrics"
	"github.com/evidence-custody/custodyd/integration/stage"
)

// ran runs the command and returns its exit code and standard output.
func ran(t *testing.T, args ...string) (int, string) {
	t.Helper()
	old := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		said <- string(b)
	}()
	os.Stdout = w
	code := run(args)
	os.Stdout = old
	w.Close()
	return code, <-said
}

func TestDoctorsExitCode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	data := stage.Dir(t) // empty: a service that was never started
	if err := os.Chmod(data, 0o711); err != nil {
		t.Fatal(err)
	}
	code, said := ran(t, "doctor", "--data", data, "--listen", free, "--json")
	var f struct {
		Healthy  bool
		Findings []struct{ State, About, Says, Do string }
	}
	if err := json.Unmarshal([]byte(said), &f); err != nil || len(f.Findings) < 5 || f.Healthy != (code == 0) {
		t.Errorf("exit %d, %v: %s", code, err, said)
	}
	if err := os.Chmod(data, 0o777); err != nil {
		t.Fatal(err)
	}
	if code, said := ran(t, "doctor", "--data", data, "--listen", free); code != 1 || !strings.Contains(said, "chmod go-w") {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, said := ran(t, "doctor", "--listen", "nonsense"); code != 1 || !strings.Contains(said, "host:port") {
		t.Errorf("a configuration that can't be read: exit %d: %s", code, said)
	}
	if code, _ := ran(t, "doctor", "--no-such-flag"); code != 2 {
		t.Errorf("a wrong flag: exit %d", code)
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
		t.Errorf("doctor left something behind: %v, %v", entries, err)
	}
}

func TestMetricsCommand(t *testing.T) {
	if code, said := ran(t, "metrics"); code != 0 || said != metrics.Document() {
		t.Errorf("exit %d: %s", code, said)
	}
}

func TestLogger(t *testing.T) {
	for _, tt := range []struct{ format, level, want string }{
		{"text", "info", "level=INFO msg=b"}, {"json", "info", `"msg":"b"`}, {"json", "debug", `"msg":"a"`}, {"text", "error", ""},
	} {
		c := config.Default()
		c.LogFormat, c.LogLevel = tt.format, tt.level
		var out bytes.Buffer
		log := logger(c, &out)
		log.Debug("a")
		log.Info("b")
		if !strings.Contains(out.String(), tt.want) || (tt.level == "error") != (out.Len() == 0) || (tt.level != "debug") != !strings.Contains(out.String(), "a\"") && tt.format == "json" {
			t.Errorf("%+v: %s", tt, &out)
		}
	}
}
