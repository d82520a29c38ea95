package doctor

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	mldsax509 "filippo.io/mldsa/x509"

	"github.com/evidence-custody/custodyd/cmd/custodyd/certificate"
	"github.com/evidence-custody/custodyd/cmd/custodyd/child"
	"github.com/evidence-custody/custodyd/cmd/custodyd/config"
	"github.com/evidence-custody/custodyd/cmd/custodyd/keysafe"
	"github.com/evidence-custody/custodyd/custody/verify"
)

func (v *visit) policy() {
	if v.cfg.PolicyFile == "" {
		v.note("policy", "no policy_file: reports identify nobody")
		return
	}
	b, err := os.ReadFile(v.cfg.PolicyFile)
	if errors.Is(err, fs.ErrNotExist) {
		v.note("policy", "%s does not exist yet: reports identify nobody", v.cfg.PolicyFile)
		return
	}
	if err == nil {
		_, err = verify.ParsePolicy(b)
	}
	if err != nil {
		v.problem("policy", "make it anew with custody policy make; no report can be made meanwhile", "%s: %s", v.cfg.PolicyFile, words(err))
		return
	}
	v.ok("policy", "%s", v.cfg.PolicyFile)
}

// soon is how long before its end a certificate should have been renewed.
const soon = 14 * 24 * time.Hour

func (v *visit) certificate() {
	host, _, _ := strings.Cut(v.cfg.Listen, ":")
	switch {
	case v.cfg.TLS():
		pair, err := certificate.Load(v.cfg.TLSCertFile, v.cfg.TLSKeyFile, nil)
		if err != nil {
			v.problem("TLS", "put a certificate and its own key there, the key for the service alone", "%s", words(err))
			return
		}
		left := pair.NotAfter().Sub(v.now())
		says := fmt.Sprintf("certificate for %s, until %s", strings.Join(pair.Names(), ", "), pair.NotAfter().Local().Format(time.DateOnly))
		switch {
		case left <= 0:
			v.problem("TLS", "renew it: clients refuse it; the service takes the new files over by itself", "%s: expired", says)
		case left < soon:
			v.warn("TLS", "renew it; the service takes the new files over by itself", "%s: %d days left", says, int(left/(24*time.Hour)))
		default:
			v.ok("TLS", "%s", says)
		}
	case v.cfg.UnsafePlainHTTP:
		v.note("TLS", "none on %s, as unsafe_plain_http says: something in front of it must speak TLS, and nobody else may reach it", v.cfg.Listen)
	default:
		v.note("TLS", "none: only this machine reaches %s", host)
	}
}

// directory says whether a service has begun here.
func (v *visit) directory(runner *child.Runner) (began bool) {
	info, err := os.Stat(v.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.note("data", "%s does not exist yet: the first start makes it, and a new log's keys", v.data)
		return false
	case err != nil || !info.IsDir():
		v.problem("data", "say another place with --data, or let this user enter it", "%s can't be used: %v", v.data, err)
		return false
	case info.Mode().Perm()&0o022 != 0:
		v.problem("data", "chmod go-w "+v.data, "%s can be written by others than the service", v.data)
	case runner != nil && (!v.cfg.OutsideDatabase() || !v.cfg.OutsideStore()) && runner.Traversable(v.data) != nil:
		v.problem("data", "do what the message says", "%s", words(runner.Traversable(v.data)))
	default:
		v.ok("data", "%s", v.data)
	}
	v.space()
	return true
}

// space is what a file system has left.
type space struct {
	free, total             uint64 // bytes
	freeInodes, totalInodes uint64
}

func freeSpace(dir string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return space{}, err
	}
	return space{st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), st.Ffree, st.Files}, nil
}

func (v *visit) space() {
	if v.cfg.OutsideDatabase() && v.cfg.OutsideStore() {
		return // a few keys are all that lies here
	}
	s, err := v.free(v.data)
	if err != nil {
		v.warn("disk", "look at it yourself: df "+v.data, "couldn't ask for free space: %s", words(err))
		return
	}
	says := fmt.Sprintf("%s free of %s", config.Size(s.free>>20<<20), config.Size(s.total>>20<<20))
	if s.free >= 1<<30 {
		says = fmt.Sprintf("%d GiB free of %d GiB", s.free>>30, s.total>>30)
	}
	switch {
	case s.free < 1<<30:
		v.problem("disk", "make room: a full disk stops deposits and every event", "%s", says)
	case s.free < s.total/20 || s.free < 10<<30:
		v.warn("disk", "make room before the next large image", "%s", says)
	case s.totalInodes > 0 && s.freeInodes < s.totalInodes/50:
		v.warn("disk", "make room for more files", "%s, but few inodes are left", says)
	default:
		v.ok("disk", "%s", says)
	}
}

// keys are the service's own. Only their files are looked at; which keys the
// database's log has, the start compares.
func (v *visit) keys(began bool) {
	dir := v.cfg.KeysDir
	if dir == "" {
		dir = filepath.Join(v.data, "keys")
	}
	var there, missing []string
	sound := true
	const postQuantum = "log-mldsa.pem" // older logs have none
	for name, path := range map[string]string{"service.pem": v.cfg.ServiceKey, "log.pem": v.cfg.LogKey, postQuantum: v.cfg.LogMLDSAKey} {
		if keysafe.InKMS(path) {
			v.note("keys", "the one of %s is in a KMS, which is not asked here", strings.TrimSuffix(name, ".pem"))
			continue
		}
		if path == "" {
			path = filepath.Join(dir, name)
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == postQuantum:
			continue
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, path)
			continue
		case err != nil:
			v.problem("keys", "run custodyd doctor as the user that custodyd runs as", "%s", words(err))
			return
		}
		if name != postQuantum {
			there = append(there, path)
		}
		if st, isUnix := info.Sys().(*syscall.Stat_t); isUnix && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid() {
			v.problem("keys", "run custodyd as the owner of its keys, or chown them", "%s belongs to user %d", path, st.Uid)
			sound = false
		}
		if info.Mode().Perm()&0o077 != 0 {
			v.problem("keys", "chmod 600 "+path+", and think about who has read it: with it the service's own events can be forged, no person's", "others may read %s", path)
			sound = false
		} else if err := isKey(path); err != nil {
			v.problem("keys", "restore it from the backup", "%s", words(err))
			sound = false
		}
	}
	if len(there)+len(missing) == 0 {
		return
	}
	_, noDatabase := os.Stat(filepath.Join(v.data, "postgres", "pg"))
	switch {
	case len(there) == 0 && (noDatabase != nil && !v.cfg.OutsideDatabase() || !began):
		if began {
			v.note("keys", "none yet: the first start makes them")
		}
	case len(missing) > 0 && noDatabase == nil:
		v.problem("keys", "restore them from the backup: a log without its keys can't go on", "there is a database, and %s is missing", strings.Join(missing, " and "))
	case len(there) == 0:
		v.note("keys", "none here: the first start makes them, unless the database holds a log already; then restore its keys")
	case len(missing) > 0:
		v.problem("keys", "restore it from the backup", "%s is missing", missing[0])
	case sound:
		v.ok("keys", "of the service and its log, for this user alone; have a backup of %s in a safe place", dir)
	}
}

func isKey(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return fmt.Errorf("%s is no PEM file", path)
	}
	if _, err := mldsax509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		return fmt.Errorf("%s holds no key that can be read", path)
	}
	return nil
}
