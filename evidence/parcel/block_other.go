//go:build !unix

package parcel

import "github.com/evidence-custody/custodyd/evidence"

func newBlock() []byte { return make([]byte, evidence.BlockSize) }
