package docket

import "time"

// DataKey is the key that one object is encrypted under, wrapped.
type DataKey struct {
	Object   string // the object's key in the store
	Wrapping string // id of the key-encryption key that wraps it
	Wrapped  []byte
}

// WrappingKey is a key-encryption key as the database knows it: by name.
type WrappingKey struct {
	ID      string
	Check   []byte // a data key of no object, wrapped: shows whether the right key is at hand
	Made    time.Time
	Current bool       // new data keys are wrapped by it
	Retired *time.Time // nothing is wrapped by it any more
	Wraps   uint64     // data keys that it wraps; filled in where WrappingKeys lists
}

// CheckObject is the object that a wrapping key's Check is bound to: none of
// the store's.
const CheckObject = "check"
