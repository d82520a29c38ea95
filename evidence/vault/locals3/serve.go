package locals3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/pkg/xattr"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"golang.org/x/sys/unix"
)

// config is what the parent tells the child, as one JSON value on its
// standard input.
type config struct {
	Dir       string `json:"dir"`
	Socket    string `json:"socket"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
}

func (c config) objects() string  { return filepath.Join(c.Dir, "objects") }
func (c config) versions() string { return filepath.Join(c.Dir, "versions") }
func (c config) sidecar() string  { return filepath.Join(c.Dir, "sidecar") }

// lockPatience is how long a new server waits for one whose parent has just
// been killed to let go of the directory.
const lockPatience = 15 * time.Second

// Child is the child's whole program: it reads its settings from stdin, serves
// until ctx ends or stdin does, which is when the parent stops it or dies. It
// can be called once in a process, changes the working directory and the umask,
// and ignores the polite signals: a terminal or an init system sends them to
// the parent too, which still needs the server for what it is finishing.
func Child(ctx context.Context, stdin io.Reader) error {
	return child(ctx, stdin, func(string) {})
}

// child tells step by step how far it is with what a crash may interrupt.
func child(ctx context.Context, stdin io.Reader, step func(name string)) error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	in := json.NewDecoder(io.LimitReader(stdin, 64<<10))
	in.DisallowUnknownFields()
	var c config
	if err := in.Decode(&c); err != nil {
		return fmt.Errorf("couldn't read the S3 server's settings: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, stdin)
	}()
	if err := serve(ctx, c, step); err != nil {
		return fmt.Errorf("couldn't serve %s: %w", c.Dir, err)
	}
	return nil
}

func serve(ctx context.Context, c config, step func(string)) error {
	unix.Umask(0o077)
	lock, err := lockDir(ctx, c.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	attrs, err := attributesFor(c)
	if err != nil {
		return err
	}
	var opts posix.PosixOpts
	opts.VersioningDir = c.versions()
	opts.CopyObjectThreshold = 5 << 30
	opts.DataIntegrityEtag = true // spares the MD5 of every part
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	if attrs.sidecar {
		opts.SideCarDir = c.sidecar()
	}
	gateway, err := posix.New(c.objects(), attrs, opts)
	if err != nil {
		return err
	}
	if err := repair(attrs); err != nil {
		return err
	}
	// A socket left by a server that was killed; the lock says it is dead.
	if err := os.Remove(c.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = embedgw.RunVersityGW(ctx, newGuard(gateway, attrs, step), &embedgw.Config{
		RootUserAccess: c.AccessKey, RootUserSecret: c.SecretKey, Region: Region,
		Ports: []string{c.Socket}, SocketPerm: "0600",
		MaxConnections: 1024, MaxRequests: 512, MultipartMaxParts: 10_000,
		KeepAlive: true, Quiet: true, DisableACLs: true,
		S3Options: []s3api.Option{s3api.WithMiddleware("/", strict)},
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// lockDir makes sure that no other server works on dir. The lock goes with the
// process, however it ends.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(lockPatience)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("another S3 server is using it: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// attributesFor decides where metadata is kept: in extended attributes, or in
// a sidecar directory where the file system has none. A directory that once
// has a sidecar keeps it: its objects' locks are in there.
func attributesFor(c config) (*attributes, error) {
	_, err := os.Stat(c.sidecar())
	if errors.Is(err, fs.ErrNotExist) {
		if err = tryAttributes(c.objects()); err == nil {
			err = tryAttributes(c.versions())
		}
		if err == nil {
			return &attributes{MetadataStorer: meta.XattrMeta{}, dir: c.Dir}, nil
		}
		if !errors.Is(err, unix.ENOTSUP) {
			return nil, err
		}
		err = os.Mkdir(c.sidecar(), 0o700)
	}
	if err != nil {
		return nil, err
	}
	side, err := meta.NewSideCar(c.sidecar())
	if err != nil {
		return nil, err
	}
	return &attributes{MetadataStorer: side, dir: c.Dir, sidecar: true}, nil
}

func tryAttributes(dir string) error {
	const name = "user.custody-check"
	if err := xattr.Set(dir, name, []byte("1")); err != nil {
		return fmt.Errorf("couldn't set an extended attribute on %s: %w", dir, err)
	}
	return xattr.Remove(dir, name)
}
