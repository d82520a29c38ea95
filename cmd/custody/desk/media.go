package desk

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/evidence-custody/custodyd/evidence/acquisition"
	"github.com/evidence-custody/custodyd/evidence/ewf"
)

// Media is what the data on the medium was found to be, as decoded from an E01
// while it was sent. Its hashes are not those of the file.
type Media struct {
	Size       uint64       `json:"size"`
	MD5        string       `json:"md5"`
	SHA1       string       `json:"sha1"`
	StoredMD5  string       `json:"storedMD5,omitempty"` // by the imager, in the file
	StoredSHA1 string       `json:"storedSHA1,omitempty"`
	Differs    bool         `json:"differs"` // a stored hash is not the computed one
	Damaged    uint64       `json:"damaged"` // chunks, whose bytes were taken as zeros
	First      []ewf.Damage `json:"first,omitempty"`
	Flaws      int          `json:"flaws"` // in the file's structure
}

// DamagedImage refuses an E01 that should not be deposited without a word.
type DamagedImage struct{ Media *Media }

func (e *DamagedImage) Error() string {
	return "the image is damaged, and nothing was signed: " + e.Media.words() + " (--accept-damaged deposits it all the same, and records this)"
}

// words say what is wrong.
func (m *Media) words() string {
	var parts []string
	if m.Damaged > 0 {
		d := m.First[0]
		parts = append(parts, fmt.Sprintf("%d chunks of the E01 cannot be decoded, the first at byte %d of the medium (segment %d, byte %d: %s)", m.Damaged, d.Offset, d.Segment, d.FileOffset, d.Reason))
	}
	if m.Differs {
		parts = append(parts, fmt.Sprintf("the medium's data, as decoded, has MD5 %s and SHA-1 %s; the imager stored MD5 %s and SHA-1 %s", m.MD5, m.SHA1, orNone(m.StoredMD5), orNone(m.StoredSHA1)))
	}
	if m.Flaws > 0 {
		parts = append(parts, fmt.Sprintf("%d flaws in the structure of the E01", m.Flaws))
	}
	return strings.Join(parts, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// sound refuses what should not be signed without a word.
func (m *Media) sound() error {
	if m == nil || m.Damaged == 0 && !m.Differs && m.Flaws == 0 {
		return nil
	}
	return &DamagedImage{m}
}

// mediaWork is the decoding of an image beside its sending.
type mediaWork struct {
	stop   context.CancelFunc
	done   chan struct{}
	report *Media
	err    error
}

// verifyMedia decodes the whole medium; nil does nothing.
func verifyMedia(ctx context.Context, m *ewf.Image) *mediaWork {
	if m == nil {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	w := &mediaWork{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		r, err := m.Verify(ctx, ewf.Options{MD5: true, SHA1: true})
		if err != nil {
			w.err = err
			return
		}
		const shown = 16
		w.report = &Media{Size: r.Size, MD5: hex.EncodeToString(r.MD5[:]), SHA1: hex.EncodeToString(r.SHA1[:]), Differs: r.Differs(m.Stored),
			Damaged: r.Damaged, First: r.First[:min(shown, len(r.First))], Flaws: r.FlawCount}
		stored := r.Compared(m.Stored)
		if stored.MD5 != nil {
			w.report.StoredMD5 = hex.EncodeToString(stored.MD5[:])
		}
		if stored.SHA1 != nil {
			w.report.StoredSHA1 = hex.EncodeToString(stored.SHA1[:])
		}
	}()
	return w
}

// wait ends with the decoding, which is given up where the sending failed.
func (w *mediaWork) wait(sending error) (*Media, error) {
	if w == nil {
		return nil, nil
	}
	if sending != nil {
		w.stop()
	}
	<-w.done
	w.stop()
	if sending != nil {
		return nil, nil
	}
	return w.report, w.err
}

// compared is what logs of the image are held against.
func (m *Media) compared() *acquisition.Media {
	return &acquisition.Media{Size: m.Size, Digests: map[acquisition.Algorithm]string{acquisition.MD5: m.MD5, acquisition.SHA1: m.SHA1}}
}
