package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ctypes are tried in turn. Letters are told from other characters by
// C.UTF-8 where the system has it; order is by bytes always, so that no
// upgrade of the system's tables can spoil an index.
var ctypes = []string{"C.UTF-8", "C"}

// walSegment is the size of the files of the write-ahead log, in MiB. Until there
// are old ones to use again, the commit that needs another file waits until it
// is filled with zeros and synced: of the default's 16 MiB that takes as long as
// twenty commits.
const walSegment = "1"

// initialise makes the database. Until the rename at its end there is none; a
// crash before leaves pg.init, which the next start throws away, and one after
// it leaves a whole database, because initdb has synced all but what is synced
// here.
func initialise(ctx context.Context, p places, bin Binaries, r Runner) error {
	var err error
	for _, ctype := range ctypes {
		if err = makeFresh(p, r); err != nil {
			return err
		}
		var out string
		out, err = run(ctx, r, p.dir, bin.initdb(),
			"-D", p.making(), "-U", Superuser, "--encoding=UTF8", "--locale=C", "--lc-ctype="+ctype,
			"--data-checksums", "--auth=reject", "--no-instructions", "--wal-segsize="+walSegment)
		if err == nil || !strings.Contains(out, "locale") {
			break
		}
	}
	if err == nil {
		err = finish(p)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("couldn't make the database in %s: %w", p.data(), err), os.RemoveAll(p.making()))
	}
	return nil
}

func makeFresh(p places, r Runner) error {
	if err := os.RemoveAll(p.making()); err != nil {
		return fmt.Errorf("couldn't remove a half-made database: %w", err)
	}
	if err := makeDir(p.making(), 0o700); err != nil {
		return err
	}
	if err := r.Own(p.making()); err != nil {
		return fmt.Errorf("couldn't hand over %s: %w", p.making(), err)
	}
	return nil
}

func finish(p places) error {
	conf := filepath.Join(p.making(), "postgresql.conf")
	f, err := os.OpenFile(conf, os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(tuning)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := syncPath(p.making()); err != nil {
		return err
	}
	if err := os.Rename(p.making(), p.data()); err != nil {
		return err
	}
	return syncPath(p.dir)
}

// run runs a program in dir to its end and returns what it wrote.
func run(ctx context.Context, r Runner, dir, program string, args ...string) (string, error) {
	cmd := r.Command(program, args...)
	var out bytes.Buffer
	// Working in the directory it is recognised there, should it outlive us.
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = cleanEnv(), dir, &out, &out
	exited, err := r.Start(cmd)
	if err != nil {
		return "", err
	}
	select {
	case err = <-exited:
	case <-ctx.Done():
		// initdb removes what it made, then ends.
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return "", err
		}
		<-exited
		return "", context.Cause(ctx)
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s%s", filepath.Base(program), err, oneLine(out.String()), permissionHint(out.String()))
	}
	return out.String(), nil
}

func oneLine(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func permissionHint(output string) string {
	if !strings.Contains(output, fs.ErrPermission.Error()) && !strings.Contains(output, "Permission denied") {
		return ""
	}
	return "; the account that PostgreSQL runs as must be able to enter every directory above the database"
}
