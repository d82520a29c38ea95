package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestPartSize(t *testing.T) {
	const mib, gib, tib = 1 << 20, 1 << 30, 1 << 40
	for total, want := range map[uint64]uint64{
		1: 16 * mib, 16 * mib: 16 * mib, 16 * mib * 10_000: 16 * mib, 16*mib*10_000 + 1: 32 * mib,
		tib: 128 * mib, 4 * tib: 512 * mib, 16 * tib: 2 * gib,
	} {
		got, err := PartSize(total)
		if err != nil || got != want {
			t.Errorf("PartSize(%d) = %d, %v, want %d", total, got, err, want)
		}
		if n := (total + got - 1) / got; n > 10_000 || got%(8*mib) != 0 {
			t.Errorf("PartSize(%d): %d parts of %d", total, n, got)
		}
	}
	for _, total := range []uint64{0, 16*tib + 1, ^uint64(0)} {
		if _, err := PartSize(total); !errors.Is(err, ErrSize) {
			t.Errorf("PartSize(%d): %v, want ErrSize", total, err)
		}
	}
}

func TestUploadDividesExactly(t *testing.T) {
	for _, size := range []uint64{1, 16 << 20, 16<<20 + 1, 5<<30 + 7, 1 << 40} {
		partSize, err := PartSize(size)
		if err != nil {
			t.Fatal(err)
		}
		u := Upload{Size: size, PartSize: partSize}
		var sum uint64
		for n := 1; n <= u.Parts(); n++ {
			if u.PartLen(n) == 0 {
				t.Errorf("%d bytes: part %d is empty", size, n)
			}
			sum += u.PartLen(n)
		}
		if sum != size || u.PartLen(0) != 0 || u.PartLen(u.Parts()+1) != 0 {
			t.Errorf("%d bytes are divided into %d", size, sum)
		}
	}
}

func TestUploadSurvivesKeeping(t *testing.T) {
	u := Upload{Key: "evidence/0a", ID: "x", Size: 17 << 20, PartSize: 16 << 20, Mode: Compliance}
	p := Part{Number: 2, Size: 1 << 20, ETag: "e", CRC: ChecksumOf([]byte("evidence"))}
	kept, err := json.Marshal([]any{u, p})
	if err != nil {
		t.Fatal(err)
	}
	var u2 Upload
	var p2 Part
	if err := json.Unmarshal(kept, &[]any{&u2, &p2}); err != nil || u2 != u || p2 != p {
		t.Errorf("%s came back as %+v, %+v, %v", kept, u2, p2, err)
	}
	if (Upload{}).Parts() != 0 || (Upload{}).PartLen(1) != 0 {
		t.Error("no upload has parts")
	}
}

func TestChecksumJoined(t *testing.T) {
	// The check value of CRC-64/NVME.
	if got := uint64(ChecksumOf([]byte("123456789"))); got != 0xae8b14860a799888 {
		t.Errorf("checksum of 123456789 is %x", got)
	}
	data := []byte(strings.Repeat("a quick brown fox jumps over the lazy dog", 5000))
	for _, at := range []int{0, 1, 7, 8, 4096, 100_001, len(data) - 1, len(data)} {
		a, b := ChecksumOf(data[:at]), ChecksumOf(data[at:])
		if got := a.Joined(b, uint64(len(data)-at)); got != ChecksumOf(data) {
			t.Errorf("joined at %d: %s, want %s", at, got, ChecksumOf(data))
		}
	}
	if ChecksumOf([]byte("a")).Joined(ChecksumOf([]byte("b")), 1) == ChecksumOf([]byte("b")).Joined(ChecksumOf([]byte("a")), 1) {
		t.Error("order doesn't matter, so the join is none")
	}
}

func TestParseChecksum(t *testing.T) {
	c := ChecksumOf([]byte("evidence"))
	if got, err := ParseChecksum(c.String()); err != nil || got != c {
		t.Errorf("got %s, %v", got, err)
	}
	for _, bad := range []string{"", "AAAA", "AAAAAAAAAAA", "AAAAAAAAAAA=\n=", "AAAAAAAAAAB=", "AAAAAAAAAAAA", "not base64!!="} {
		if _, err := ParseChecksum(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestOpenWantsEverythingSaid(t *testing.T) {
	whole := Config{Endpoint: "s3.example.org", Bucket: "evidence", AccessKey: "a", SecretKey: "b", Mode: Compliance, Period: time.Hour}
	if _, err := Open(context.Background(), whole); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"mode":     func(c *Config) { c.Mode = "" },
		"a mode":   func(c *Config) { c.Mode = "compliance" },
		"period":   func(c *Config) { c.Period = 0 },
		"bucket":   func(c *Config) { c.Bucket = "" },
		"key":      func(c *Config) { c.AccessKey = "" },
		"secret":   func(c *Config) { c.SecretKey = "" },
		"endpoint": func(c *Config) { c.Endpoint = "" },
	} {
		c := whole
		change(&c)
		if _, err := Open(context.Background(), c); err == nil {
			t.Errorf("a vault was opened without %s", name)
		}
	}
}

func TestExactlyNeverEndsCleanTooEarly(t *testing.T) {
	read := func(body string, n int64) (string, error) {
		b, err := io.ReadAll(&exactly{io.NopCloser(bytes.NewReader([]byte(body))), n})
		return string(b), err
	}
	if got, err := read("evidence", 8); got != "evidence" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := read("evidence", 5); got != "evide" || err != nil {
		t.Errorf("a longer body: %q, %v", got, err)
	}
	if _, err := read("evidence", 9); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body cut short: %v, want ErrUnexpectedEOF", err)
	}
}

func TestKeysAreNotRepeated(t *testing.T) {
	c := Config{Endpoint: "s3.example.org", Bucket: "evidence", AccessKey: "a", SecretKey: "b", Mode: Compliance, Period: time.Hour}
	c.Rand = strings.NewReader("only twelve.")
	s, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := s.newKey(evidencePrefix); err == nil {
		t.Errorf("key %s was made of too little randomness", key)
	}
}
