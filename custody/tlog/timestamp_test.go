package tlog_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	"github.com/evidence-custody/custodyd/custody/tlog"
	"github.com/evidence-custody/custodyd/custody/tlog/tsatest"
)

func TestTimestamp(t *testing.T) {
	tsa := tsatest.New(t, "TSA")
	other := tsatest.New(t, "other")
	kept := tsa.Stamp(t, stamped, noon)
	got, err := tlog.VerifyTimestamp(kept, stamped, []tlog.Authority{other.Accepted(), tsa.Accepted()})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Time.Equal(noon) || got.Accuracy != time.Second || got.Authority != "TSA" || !got.Certificate.Equal(tsa.Certificate) || got.Policy != "1.3.6.1.4.1.57264.2" {
		t.Errorf("got %+v", got)
	}

	// The authority's own certificate is an anchor as good as its root, and is
	// then needed nowhere else.
	pinned := []tlog.Authority{{Name: "pinned", Certificates: []*x509.Certificate{tsa.Certificate}}}
	for _, d := range [][]tsatest.Defect{nil, {tsatest.NoCertificate}} {
		if got, err := tlog.VerifyTimestamp(tsa.Stamp(t, stamped, noon, d...), stamped, pinned); err != nil || got.Authority != "pinned" {
			t.Errorf("pinned, %v: %+v, %v", d, got, err)
		}
	}
}

func TestTimestampRefused(t *testing.T) {
	tsa, other := tsatest.New(t, "TSA"), tsatest.New(t, "other")
	use := func(critical bool, purposes ...int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tsatest.Use(t, critical, purposes...)} }
	}
	with := func(option func(*x509.Certificate), at time.Time) ([]byte, tlog.Authority) {
		a := tsatest.New(t, "TSA", option)
		return a.Stamp(t, stamped, at), a.Accepted()
	}
	short := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon, noon.Add(time.Hour) }
	for name, tc := range map[string]struct {
		make func() ([]byte, tlog.Authority)
		want error
	}{
		"another root":       {func() ([]byte, tlog.Authority) { return tsa.Stamp(t, stamped, noon), other.Accepted() }, tlog.ErrAuthority},
		"nobody accepted":    {func() ([]byte, tlog.Authority) { return tsa.Stamp(t, stamped, noon), tlog.Authority{} }, tlog.ErrAuthority},
		"another message":    {func() ([]byte, tlog.Authority) { return tsa.Stamp(t, []byte("x"), noon), tsa.Accepted() }, tlog.ErrTimestamp},
		"expired then":       {func() ([]byte, tlog.Authority) { return with(short, noon.Add(2*time.Hour)) }, tlog.ErrAuthority},
		"not valid yet then": {func() ([]byte, tlog.Authority) { return with(short, noon.Add(-2*time.Hour)) }, tlog.ErrAuthority},
		"no use": {func() ([]byte, tlog.Authority) {
			return with(func(c *x509.Certificate) { c.ExtraExtensions = nil }, noon)
		}, tlog.ErrAuthority},
		"use not critical": {func() ([]byte, tlog.Authority) { return with(use(false, 8), noon) }, tlog.ErrAuthority},
		"another use":      {func() ([]byte, tlog.Authority) { return with(use(true, 3), noon) }, tlog.ErrAuthority},
		"one more use":     {func() ([]byte, tlog.Authority) { return with(use(true, 8, 3), noon) }, tlog.ErrAuthority},
		"a key not for signing": {func() ([]byte, tlog.Authority) {
			return with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, noon)
		}, tlog.ErrAuthority},
	} {
		t.Run(name, func(t *testing.T) {
			kept, accepted := tc.make()
			if got, err := tlog.VerifyTimestamp(kept, stamped, []tlog.Authority{accepted}); !errors.Is(err, tc.want) || got.Certificate != nil {
				t.Errorf("got %+v, %v; want %v", got, err, tc.want)
			}
		})
	}

	want := map[tsatest.Defect]error{tsatest.NoCertificate: tlog.ErrAuthority}
	for d := tsatest.NoCertificate; d <= tsatest.AttributesUnordered; d++ {
		kept := tsa.Stamp(t, stamped, noon, d)
		expected := tlog.ErrTimestamp
		if e, ok := want[d]; ok {
			expected = e
		}
		if _, err := tlog.VerifyTimestamp(kept, stamped, []tlog.Authority{tsa.Accepted()}); !errors.Is(err, expected) {
			t.Errorf("defect %d: %v, want %v", d, err, expected)
		}
	}
}

// TestTimestampBits flips each bit, cuts at each byte and appends one: nothing
// of that passes, as the same time or another.
func TestTimestampBits(t *testing.T) {
	tsa := tsatest.New(t, "TSA")
	kept := tsa.Stamp(t, stamped, noon)
	accepted := []tlog.Authority{tsa.Accepted()}
	for i := range kept {
		for bit := range 8 {
			kept[i] ^= 1 << bit
			if got, err := tlog.VerifyTimestamp(kept, stamped, accepted); err == nil {
				t.Errorf("byte %d, bit %d: accepted as %+v", i, bit, got)
			}
			kept[i] ^= 1 << bit
		}
		if _, err := tlog.VerifyTimestamp(kept[:i], stamped, accepted); !errors.Is(err, tlog.ErrTimestamp) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := tlog.VerifyTimestamp(append(kept, 0), stamped, accepted); !errors.Is(err, tlog.ErrTimestamp) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := tlog.VerifyTimestamp(kept, stamped, accepted); err != nil {
		t.Error(err)
	}
}

func TestKeptTimestamp(t *testing.T) {
	tsa := tsatest.New(t, "TSA")
	accepted := []tlog.Authority{tsa.Accepted()}
	reply := tsa.Stamp(t, stamped, noon, tsatest.StatusWords)
	kept, err := tlog.KeptTimestamp(reply)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tlog.VerifyTimestamp(kept, stamped, accepted); err != nil {
		t.Error(err)
	}
	if again, err := tlog.KeptTimestamp(kept); err != nil || string(again) != string(kept) {
		t.Errorf("kept again: %v", err)
	}
	if _, err := tlog.KeptTimestamp(tsa.Stamp(t, stamped, noon, tsatest.Refusal)); err == nil || errors.Is(err, tlog.ErrTimestamp) {
		t.Errorf("a refusal: %v", err)
	}
	for _, bad := range [][]byte{nil, {0x30, 0}, {0x30, 5, 0x30, 3, 2, 1, 0}, make([]byte, tlog.MaxTimestamp+1), kept[:len(kept)-1]} {
		if _, err := tlog.KeptTimestamp(bad); !errors.Is(err, tlog.ErrTimestamp) {
			t.Errorf("%x: %v", bad[:min(len(bad), 8)], err)
		}
	}
}
