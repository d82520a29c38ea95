// Package child runs the service's private database and object store as child
// processes: under an account without privileges where the service is root,
// and never outliving the service.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// Account is whom children run as.
type Account struct {
	Name     string
	UID, GID uint32

	// switched says that it isn't the service's own account, so that
	// credentials and owners have to be set.
	switched bool
}

// ErrNoAccount: the service is root and there is nobody else to run children as.
var ErrNoAccount = errors.New("running as root needs an unprivileged account for the private services: create the user postgres, or run custodyd as a plain user")

// Find returns the account that children run as: the service's own where it
// isn't root; as root postgres, else nobody, because PostgreSQL refuses to run
// as root and an object store has no need to.
func Find() (Account, error) {
	return find(os.Geteuid(), user.LookupId, user.Lookup)
}

func find(uid int, byID, byName func(string) (*user.User, error)) (Account, error) {
	if uid != 0 {
		u, err := byID(strconv.Itoa(uid))
		if err != nil {
			// A container's user has no name, and with an outside database and
			// store needs none. Only PostgreSQL does, which says so itself.
			return Account{Name: "user id " + strconv.Itoa(uid), UID: uint32(uid), GID: uint32(os.Getegid())}, nil
		}
		return account(u, false)
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := byName(name)
		if err == nil {
			return account(u, true)
		}
		if unknown := user.UnknownUserError(""); !errors.As(err, &unknown) {
			return Account{}, fmt.Errorf("couldn't look up the user %s: %w", name, err)
		}
	}
	return Account{}, ErrNoAccount
}

func account(u *user.User, switched bool) (Account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return Account{}, fmt.Errorf("couldn't read the id of user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return Account{}, fmt.Errorf("couldn't read the group of user %s: %w", u.Username, err)
	}
	if switched && uid == 0 {
		return Account{}, fmt.Errorf("the user %s has id 0: children don't run as root", u.Username)
	}
	return Account{Name: u.Username, UID: uint32(uid), GID: uint32(gid), switched: switched}, nil
}
