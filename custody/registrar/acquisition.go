package registrar

import (
	"context"
	"fmt"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/fixity"
	"github.com/evidence-custody/custodyd/custody/verify"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
)

// logsOfReport bounds the acquisition logs that one report reads, in bytes.
const logsOfReport = 4 * acquisition.MaxSize

// acquisitionLogs reads back the acquisition logs of a record whose bytes the
// caller may read: a report shows what is in them, and must not show it to anybody
// to whom the bytes themselves would be refused. A log that cannot be read is left
// out, and the report says that it was not read.
func (r *Registrar) acquisitionLogs(ctx context.Context, c Caller, reading *verify.Reading) (map[evidence.Digest][]byte, error) {
	out := map[evidence.Digest][]byte{}
	left := uint64(logsOfReport)
	for _, e := range reading.Events {
		b, ok := e.Body().(*custody.Deposited)
		if !ok || b.Role != custody.RoleLog || b.Artifact.Size > min(left, acquisition.MaxSize) || out[b.Artifact.SHA256] != nil {
			continue
		}
		may, err := r.mayRead(ctx, c, b.Item)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		content, err := r.readWhole(ctx, b.Item)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("couldn't read the acquisition logs: %w", ctx.Err())
		}
		if err != nil {
			r.log.WarnContext(ctx, "an acquisition log was not read for a report", "item", b.Item, "error", err)
			continue
		}
		out[b.Artifact.SHA256] = content
		left -= b.Artifact.Size
	}
	return out, nil
}

// readWhole reads a small artifact, each block checked.
func (r *Registrar) readWhole(ctx context.Context, item custody.ID) ([]byte, error) {
	a, err := r.ledger.Artifact(ctx, item)
	if err != nil {
		return nil, found("artifact", err)
	}
	held, err := r.copies.open(a.Item, func() (*fixity.Copy, error) { return fixity.Open(r.vault, a, r.log) })
	if err != nil {
		return nil, err
	}
	var out []byte
	buf := fixity.Buffer()
	defer fixity.Return(buf)
	for i := range held.Count() {
		b, err := held.Block(ctx, i, buf[:])
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}
