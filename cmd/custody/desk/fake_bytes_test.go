package desk

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/seal"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

var partsMu sync.Mutex

func (f *fakeService) PutPart(_ context.Context, id string, n int, content *parcel.Parcel) error {
	partsMu.Lock()
	defer partsMu.Unlock()
	if f.part != nil {
		if err := f.part(n); err != nil {
			return err
		}
	}
	in := content.Open()
	defer in.Close()
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	f.uploads[id].parts[n] = b
	f.parts = append(f.parts, n)
	return nil
}

func (f *fakeService) FinishUpload(ctx context.Context, id string, s Submission) (Receipt, Receipt, error) {
	u := f.uploads[id]
	var all []byte
	for n := 1; n <= u.Parts; n++ {
		if u.parts[n] == nil {
			return Receipt{}, Receipt{}, &Answer{Status: 409, Code: "upload-incomplete"}
		}
		all = append(all, u.parts[n]...)
	}
	m, _, err := evidence.Measure(bytes.NewReader(all), u.request.Legacy)
	if err != nil {
		return Receipt{}, Receipt{}, err
	}
	env, err := seal.ParseEnvelope(s.Envelope)
	if err != nil {
		return Receipt{}, Receipt{}, err
	}
	st, err := custody.Decode(env.Payload)
	if err != nil {
		return Receipt{}, Receipt{}, err
	}
	b := st.Predicate.Body.(*custody.Deposited)
	got := custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}
	if got != b.Artifact || b.Declared.MD5 != "" && b.Declared.MD5 != m.MD5 {
		return Receipt{}, Receipt{}, &Answer{Status: 422, Code: CodeMismatch,
			Differences: []Difference{{Name: "sha256", Declared: b.Artifact.SHA256.String(), Received: m.SHA256.String()}}}
	}
	r, err := f.Append(ctx, s)
	if err != nil {
		return Receipt{}, Receipt{}, err
	}
	f.stored[m.SHA256] = all
	f.story.Act(f.story.Service, &custody.Received{Artifact: got, Encoding: custody.EncodingPlain, Item: b.Item,
		MD5: m.MD5, SHA1: m.SHA1,
		Retention: custody.Retention{Mode: custody.RetentionCompliance, Until: custody.NewTime(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))}}, r.LeafHash)
	return r, f.receiptAt(len(f.story.Entries) - 1), nil
}

func (f *fakeService) Uploads(ctx context.Context) (out []Upload, err error) {
	for id := range f.uploads {
		u, err := f.Upload(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

func (f *fakeService) AbortUpload(_ context.Context, id string) error {
	delete(f.uploads, id)
	return nil
}

func (f *fakeService) Content(_ context.Context, artifact, _ evidence.Digest, offset, length int64) (io.ReadCloser, error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.offsets = append(f.offsets, offset)
	var r io.Reader = bytes.NewReader(f.stored[artifact][offset : offset+length])
	if f.content != nil {
		var err error
		if r, err = f.content(offset, r); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(r), nil
}

func (f *fakeService) Blocks(_ context.Context, artifact, _ evidence.Digest) ([]byte, error) {
	_, leaves, err := evidence.Measure(bytes.NewReader(f.stored[artifact]))
	return evidence.JoinLeaves(leaves), err
}

func (f *fakeService) IssueReport(_ context.Context, ofCase evidence.Digest, items []evidence.Digest) (Report, error) {
	files := custody.ReportFiles{JSON: evidence.Sum([]byte("json")), PDF: evidence.Sum([]byte("pdf"))}
	b := &custody.ReportIssued{Case: ofCase, Files: files, Items: custody.SortedIDs(items...), Over: f.story.Seen(), For: f.reader}
	if f.report != nil {
		f.report(b)
	}
	at := f.reported
	if at == 0 {
		f.story.Act(f.story.Service, b)
		at = len(f.story.Entries) - 1
	}
	r := f.receiptAt(at)
	return Report{ID: r.EventID, Receipt: r, Files: map[string]ReportFile{
		"report.json": {SHA256: files.JSON, Size: 4}, "report.pdf": {SHA256: files.PDF, Size: 3}}}, nil
}

func (f *fakeService) ReportFile(_ context.Context, _ evidence.Digest, name string) ([]byte, error) {
	return map[string][]byte{"report.json": []byte("json"), "report.pdf": []byte("pdf")}[name], nil
}
