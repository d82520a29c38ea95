package seal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"testing"
)

// TestOneFormBothWays holds the short reading of a signature to the long one:
// at the bounds of both integers, and with every byte of each changed, left out
// or repeated.
func TestOneFormBothWays(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := big.NewInt(1)
	values := []*big.Int{big.NewInt(0), one, big.NewInt(0x7f), big.NewInt(0x80), big.NewInt(0x100), halfOrder, new(big.Int).Add(halfOrder, one),
		new(big.Int).Sub(order, one), order, new(big.Int).Lsh(one, 255), new(big.Int).Lsh(one, 256), big.NewInt(-1)}
	var sigs [][]byte
	for _, r := range values {
		for _, s := range values {
			sig, err := encodeSignature(r, s)
			if err != nil {
				t.Fatal(err)
			}
			sigs = append(sigs, sig)
		}
	}
	for range 20 {
		sig, err := ecdsa.SignASN1(rand.Reader, key, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		sigs = append(sigs, sig)
	}
	accepted := 0
	compare := func(sig []byte) {
		short, long := inOneForm(sig), whyNotInOneForm(sig)
		if short != (long == nil) {
			t.Fatalf("%x: short %v, long %v", sig, short, long)
		}
		if short {
			accepted++
		}
	}
	for _, sig := range sigs {
		compare(sig)
		for i := range sig {
			for _, x := range []byte{0x01, 0x80, 0xff, sig[i]} {
				changed := bytes.Clone(sig)
				changed[i] ^= x
				compare(changed)
			}
			compare(append(bytes.Clone(sig[:i]), sig[i+1:]...))
			compare(append(append(bytes.Clone(sig[:i]), 0), sig[i:]...))
			compare(sig[:i])
		}
		compare(append(bytes.Clone(sig), 0))
	}
	if accepted == 0 {
		t.Fatal("no signature was accepted")
	}
}
