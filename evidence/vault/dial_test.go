package vault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// selfWriting is content that says how it was sent.
type selfWriting struct {
	*bytes.Reader
	wrote *atomic.Int64
}

func (c selfWriting) Close() error { return nil }

func (c selfWriting) WriteTo(w io.Writer) (int64, error) {
	n, err := c.Reader.WriteTo(w)
	c.wrote.Add(n)
	return n, err
}

type selfWritingPart struct {
	data  []byte
	wrote atomic.Int64
}

func (p *selfWritingPart) Size() int64 { return int64(len(p.data)) }

func (p *selfWritingPart) Open() io.ReadCloser {
	return selfWriting{bytes.NewReader(p.data), &p.wrote}
}

// TestPartsGoUncopied: what lies in memory is handed to the socket from where
// it lies, and arrives whole; and no more of it than was announced.
func TestPartsGoUncopied(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s3.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("ETag", `"x"`)
	})}
	go server.Serve(l)
	defer server.Close()
	s, err := Open(context.Background(), Config{Socket: socket, Bucket: "evidence", AccessKey: "a", SecretKey: "b", Mode: Compliance, Period: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	p := &selfWritingPart{data: bytes.Repeat([]byte("evidence"), 1<<18)}
	u := Upload{Key: "evidence/0a", ID: "x", Size: 1 << 21, PartSize: 1 << 24}
	if _, err := s.PutContent(t.Context(), u, 1, p); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, p.data) {
		t.Errorf("%d bytes arrived that differ", len(got))
	}
	// What fits into net/http's own buffer, with the header, it copies; the
	// checksum is made of the whole.
	if wrote := p.wrote.Load() - int64(len(p.data)); wrote < int64(len(p.data))/2 {
		t.Errorf("of %d bytes %d wrote themselves", len(p.data), wrote)
	}
	a := &announced{left: 3}
	if n, err := a.Write([]byte("four")); err == nil || n != 0 {
		t.Errorf("more than was announced: %d, %v", n, err)
	}
}

// TestWideSendsWhatItGets: readers that give little, and that fail.
func TestWideSendsWhatItGets(t *testing.T) {
	here, there := net.Pipe()
	got := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(there)
		got <- string(b)
	}()
	broken := errors.New("broken")
	n, err := wide{here}.ReadFrom(io.MultiReader(strings.NewReader("evid"), strings.NewReader("ence"), failing{broken}))
	here.Close()
	if sent := <-got; sent != "evidence" || n != 8 || !errors.Is(err, broken) {
		t.Errorf("%q arrived, %d bytes sent, %v", sent, n, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
