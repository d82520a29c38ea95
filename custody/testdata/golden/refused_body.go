package golden

import (
	"slices"
	"strings"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/ruling/rulingtest"
)

// body spoils a body and keeps the subjects fitting to it.
func body[B custody.Body](rule, name string, change func(B)) refusedStatement {
	var b B
	return refusedStatement{rule: rule, name: name, kind: b.Kind(), change: func(s *custody.Statement) {
		b := s.Predicate.Body.(B)
		change(b)
		s.Subject = custody.SubjectsOf(b)
	}}
}

// damaged is an image with two chunks that couldn't be decoded, changed.
func damaged(change func(*custody.ImageFound), said ...custody.ImageOutcome) func(*custody.ImageRead) {
	return func(b *custody.ImageRead) {
		b.Found, b.Outcome = rulingtest.Broken(0, 2), custody.ImageDamaged
		change(b.Found)
		for _, o := range said {
			b.Outcome = o
		}
	}
}

// refusedBodies spoil what one kind has.
var refusedBodies = []refusedStatement{
	body("body.enum", "purpose-case", func(b *custody.Released) { b.Purpose = "Examination" }),
	body("body.enum", "purpose-empty", func(b *custody.Released) { b.Purpose = "" }),
	body("body.enum", "seal-state", func(b *custody.Released) { b.Items[0].State = "whole" }),
	body("body.enum", "item-class-digital", func(b *custody.ItemRegistered) { b.Class = custody.ItemDigital }),
	body("body.enum", "right", func(b *custody.KeyCertified) { b.Rights = []custody.Right{"judge"} }),
	body("body.enum", "revocation-reason", func(b *custody.KeyRevoked) { b.Reason = "stolen" }),
	body("body.enum", "format", func(b *custody.Deposited) { b.Format = "aff4" }),
	body("body.enum", "role", func(b *custody.Deposited) { b.Role = "copy" }),
	body("body.enum", "encoding", func(b *custody.Received) { b.Encoding = "zstd" }),
	body("body.enum", "retention-mode", func(b *custody.Received) { b.Retention.Mode = "compliance" }),
	body("body.enum", "refusal-reason", func(b *custody.DepositRefused) { b.Reason = "size" }),
	body("body.enum", "decline-reason", func(b *custody.Declined) { b.Reason = "late" }),
	body("body.enum", "action", func(b *custody.Approved) { b.Action = "custody.released" }),
	body("body.enum", "assumed-authority", func(b *custody.Assumed) { b.Authority = "hurry" }),
	body("body.enum", "scope", func(b *custody.Granted) { b.Scope = "all" }),
	body("body.enum", "access-purpose", func(b *custody.AccessRequested) { b.Purpose = "curiosity" }),
	body("body.enum", "outcome", func(b *custody.Served) { b.Outcome = "ok" }),
	body("body.enum", "result", func(b *custody.Verification) { b.Result = "verified" }),
	body("body.enum", "capacity", func(b *custody.Opinion) { b.Capacity = "section 40" }),

	body("body.enum", "recovery-cause", func(b *custody.LogRecovered) { b.Cause = "Backup-restored" }),
	body("body.enum", "fixity-reason", func(b *custody.FixityFailed) { b.Reason = "rot" }),
	body("body.enum", "unchecked-reason", func(b *custody.FixityUnchecked) { b.Reason = "busy" }),

	body("body.count", "more-bad-blocks-than-looked-at", func(b *custody.FixityFailed) { b.Checked = 0 }),
	body("body.count", "bad-block-not-listed", func(b *custody.FixityFailed) { b.Count, b.Checked = 2, 2 }),
	body("body.count", "bad-blocks-over-the-list", func(b *custody.FixityFailed) {
		b.Blocks, b.Count, b.Checked = ascending(custody.MaxBadBlocks+1), custody.MaxBadBlocks+1, custody.MaxBadBlocks+1
	}),
	body("body.count", "no-bad-block", func(b *custody.FixityFailed) { b.Blocks, b.Count = []uint64{}, 0 }),
	body("body.count", "missing-and-listed", func(b *custody.FixityFailed) { b.Reason = custody.FixityMissing }),
	body("body.count", "missing-in-part", func(b *custody.FixityFailed) {
		b.Reason, b.Blocks, b.Checked = custody.FixityMissing, []uint64{}, 2
	}),
	body("body.order", "bad-blocks", func(b *custody.FixityFailed) { b.Blocks, b.Count, b.Checked = []uint64{3, 1}, 2, 4 }),
	body("body.order", "bad-block-twice", func(b *custody.FixityFailed) { b.Blocks, b.Count, b.Checked = []uint64{3, 3}, 2, 4 }),
	body("body.id", "zero-checked-item", func(b *custody.FixityPassed) { b.Item = custody.ID{} }),

	body("body.enum", "image-outcome", func(b *custody.ImageRead) { b.Outcome = "verified" }),
	body("body.enum", "image-reason", func(b *custody.ImageRead) { b.Found, b.Outcome, b.Reason = nil, custody.ImageUnreadable, "store" }),
	body("body.enum", "image-dialect", func(b *custody.ImageRead) { b.Found.Dialect = "E01" }),
	body("body.enum", "image-flaw", func(b *custody.ImageRead) { b.Found.Flaws = []custody.ImageFlaw{"scratch"} }),
	body("body.id", "zero-media-sha256", func(b *custody.ImageRead) { b.Found.SHA256 = &custody.ID{} }),
	body("body.id", "zero-image-item", func(b *custody.ImageRead) { b.Item = custody.ID{} }),
	body("body.digest", "media-md5-upper-case", func(b *custody.ImageRead) { b.Found.MD5 = strings.ToUpper(b.Found.MD5) }),
	body("body.digest", "media-sha1-short", func(b *custody.ImageRead) { b.Found.SHA1 = b.Found.SHA1[2:] }),
	body("body.digest", "stored-md5-short", func(b *custody.ImageRead) { b.Found.Stored.MD5 = "00" }),
	body("body.order", "image-flaws", func(b *custody.ImageRead) { b.Found.Flaws = []custody.ImageFlaw{"trailing", "count"} }),
	body("body.order", "image-flaw-twice", func(b *custody.ImageRead) { b.Found.Flaws = []custody.ImageFlaw{"count", "count"} }),
	body("body.order", "damaged-chunks", damaged(func(f *custody.ImageFound) { f.Damaged.First = []uint64{1, 0} })),
	body("image.found", "chunk-size-zero", func(b *custody.ImageRead) { b.Found.ChunkSize = 0 }),
	body("image.found", "sector-size-zero", func(b *custody.ImageRead) { b.Found.SectorSize = 0 }),
	body("image.found", "no-medium", func(b *custody.ImageRead) { b.Found.Size, b.Found.Chunks = 0, 0 }),
	body("image.found", "half-a-sector", func(b *custody.ImageRead) { b.Found.Size++ }),
	body("image.found", "chunk-of-half-a-sector", func(b *custody.ImageRead) { b.Found.ChunkSize += 256 }),
	body("image.found", "chunks-for-another-size", func(b *custody.ImageRead) { b.Found.Chunks = 2 }),
	body("image.found", "no-file", func(b *custody.ImageRead) { b.Found.Segments = 0 }),
	body("image.found", "more-compressed-than-there-are", func(b *custody.ImageRead) { b.Found.Compressed = 4 }),
	body("image.found", "more-damaged-than-there-are", damaged(func(f *custody.ImageFound) {
		f.Damaged = custody.DamagedChunks{Count: 4, First: []uint64{0, 1, 2, 3}}
	})),
	body("image.found", "damaged-and-not-listed", damaged(func(f *custody.ImageFound) { f.Damaged.First = f.Damaged.First[:1] })),
	body("image.found", "listed-and-not-counted", func(b *custody.ImageRead) { b.Found.Damaged.First = []uint64{0} }),
	body("image.found", "damaged-over-the-list", damaged(func(f *custody.ImageFound) {
		f.Size, f.Chunks = 32768*200, 200
		f.Damaged = custody.DamagedChunks{Count: custody.MaxDamagedChunks + 1, First: ascending(custody.MaxDamagedChunks + 1)}
	})),
	body("image.found", "damaged-past-the-end", damaged(func(f *custody.ImageFound) { f.Damaged.First = []uint64{0, 3} })),
	body("image.found", "hash-of-a-damaged-medium", damaged(func(f *custody.ImageFound) { f.MD5 = f.Stored.MD5 })),
	body("image.found", "hash-missing", func(b *custody.ImageRead) { b.Found.SHA256 = nil }),
	body("image.found", "more-sectors-unread-than-there-are", func(b *custody.ImageRead) { b.Found.Unread.Sectors = 161 }),
	body("image.found", "sectors-unread-nowhere", func(b *custody.ImageRead) { b.Found.Unread.Ranges = 0 }),
	body("image.found", "more-ranges-than-sectors", func(b *custody.ImageRead) { b.Found.Unread.Ranges = 9 }),
	body("image.found", "whole-with-a-damaged-chunk", damaged(func(f *custody.ImageFound) {}, custody.ImageWhole)),
	body("image.found", "whole-with-another-hash", func(b *custody.ImageRead) { b.Found.Stored.MD5 = "f" + b.Found.Stored.MD5[1:] }),
	body("image.found", "damaged-with-nothing-wrong", func(b *custody.ImageRead) { b.Outcome = custody.ImageDamaged }),
	body("image.found", "unreadable-and-read", func(b *custody.ImageRead) { b.Outcome, b.Reason = custody.ImageUnreadable, custody.UnreadableLimit }),
	body("image.found", "unreadable-without-a-reason", func(b *custody.ImageRead) { b.Found, b.Outcome = nil, custody.ImageUnreadable }),
	body("image.found", "read-with-a-reason", func(b *custody.ImageRead) { b.Reason = custody.UnreadableLimit }),
	body("image.found", "whole-and-nothing-found", func(b *custody.ImageRead) { b.Found = nil }),

	body("body.count", "no-items", func(b *custody.Released) { b.Items = []custody.HandedItem{} }),
	body("body.count", "one-witness", func(b *custody.ItemRegistered) { b.Witnesses = b.Witnesses[:1] }),
	body("body.count", "no-rights", func(b *custody.KeyCertified) { b.Rights = []custody.Right{} }),
	body("body.count", "many-seals", func(b *custody.ItemRegistered) {
		b.Seals = nil
		for i := range 65 {
			b.Seals = append(b.Seals, custody.SealNumber("S-"+string(rune('0'+i/10))+string(rune('0'+i%10))))
		}
	}),
	body("body.count", "nothing-recalled", func(b *custody.Recalled) { b.Items = []custody.ID{} }),
	body("body.count", "nothing-declined", func(b *custody.Declined) { b.Items = []custody.ID{} }),
	body("body.count", "nothing-confirmed", func(b *custody.Confirmed) { b.Items = []custody.ID{} }),
	body("body.count", "confirmed-too-many", func(b *custody.Confirmed) { b.Items = some(custody.MaxConfirmed + 1) }),
	body("body.count", "status-too-many", func(b *custody.OrgStatus) { b.Revoked = some(custody.MaxStatus + 1) }),
	body("body.count", "items-too-many", func(b *custody.Opinion) { b.Items = some(custody.MaxChains + 1) }),
	body("body.count", "record-grant-with-items", func(b *custody.Granted) { b.Items = some(1) }),
	body("body.count", "bytes-grant-without-items", func(b *custody.Granted) { b.Scope = custody.ScopeBytes }),

	body("body.order", "items", func(b *custody.Approved) { b.Items = some(2); slices.Reverse(b.Items) }),
	body("body.order", "handed-items-twice", func(b *custody.Released) { b.Items = append(b.Items, b.Items[0]) }),
	body("body.order", "seals", func(b *custody.ItemRegistered) { b.Seals = []custody.SealNumber{"S-2", "S-1"} }),
	body("body.order", "rights", func(b *custody.KeyCertified) {
		b.Rights = []custody.Right{custody.RightHold, custody.RightApprove}
	}),
	body("body.order", "witness-twice", func(b *custody.ItemRegistered) { b.Witnesses[1] = b.Witnesses[0] }),

	body("body.order", "confirmed-twice", func(b *custody.Confirmed) { b.Items = append(b.Items, b.Items[0]) }),
	body("body.order", "revoked", func(b *custody.OrgStatus) { b.Revoked = some(2); slices.Reverse(b.Revoked) }),

	body("body.seal", "space", func(b *custody.ItemRegistered) { b.Seals = []custody.SealNumber{"S 1"} }),
	body("body.seal", "empty", func(b *custody.ItemRegistered) { b.Seals = []custody.SealNumber{""} }),
	body("body.seal", "long", func(b *custody.ItemRegistered) {
		b.Seals = []custody.SealNumber{custody.SealNumber(strings.Repeat("S", 65))}
	}),
	body("body.seal", "backslash", func(b *custody.ItemRegistered) { b.Seals = []custody.SealNumber{`S\1`} }),
	body("body.seal", "none-with-seals", func(b *custody.Released) { b.Items[0].State = custody.SealNone }),
	body("body.seal", "intact-without-seals", func(b *custody.Released) { b.Items[0].Seals = []custody.SealNumber{} }),

	body("body.id", "zero-item", func(b *custody.Verification) { b.Artifact = custody.ID{} }),
	body("body.id", "zero-recipient", func(b *custody.Released) { b.To.Org = custody.ID{} }),
	body("body.id", "zero-recipient-person", func(b *custody.Released) { b.To.Person = &custody.ID{} }),
	body("body.id", "zero-witness", func(b *custody.ItemRegistered) { b.Witnesses[0] = custody.ID{} }),
	body("body.id", "registered-in-itself", func(b *custody.ItemRegistered) { b.Parent = &b.Item }),
	body("body.id", "derived-from-itself", func(b *custody.Deposited) { b.Parent = &b.Item }),
	body("body.id", "zero-parent", func(b *custody.Deposited) { b.Parent = &custody.ID{} }),

	body("body.enum", "disposal-authority", func(b *custody.Disposed) { b.Authority = "wish" }),
	body("body.enum", "disposal-method", func(b *custody.Disposed) { b.Method = "lost" }),
	body("body.enum", "erased-mode", func(b *custody.Erased) { b.Retention.Mode = "NONE" }),
	body("body.id", "zero-disposed", func(b *custody.Disposed) { b.Item = custody.ID{} }),
	body("body.id", "zero-disposal-case", func(b *custody.Disposed) { b.Case = custody.ID{} }),
	body("body.id", "zero-disposal", func(b *custody.Erased) { b.Disposal = custody.ID{} }),
	body("body.id", "zero-erased-artifact", func(b *custody.Erased) { b.Artifact = custody.ID{} }),
	body("body.id", "zero-confirmed", func(b *custody.Confirmed) { b.Items[0] = custody.ID{} }),
	body("body.id", "zero-revoked", func(b *custody.OrgStatus) { b.Revoked[0] = custody.ID{} }),
	body("body.id", "zero-token", func(b *custody.LogTime) { b.Digest = custody.ID{} }),
	body("body.id", "zero-signed-root", func(b *custody.LogRecovered) { b.Signed.Root = &custody.ID{} }),

	body("body.digest", "md5-short", func(b *custody.Received) { b.MD5 = b.MD5[2:] }),
	body("body.digest", "sha1-upper-case", func(b *custody.Received) { b.SHA1 = strings.ToUpper(b.SHA1) }),
	body("body.digest", "declared-md5", func(b *custody.Deposited) { b.Declared.MD5 = "md5" }),
	body("body.digest", "declared-sha1", func(b *custody.Deposited) { b.Declared.SHA1 = strings.Repeat("g", 40) }),
	body("body.digest", "measured-md5", func(b *custody.DepositRefused) { b.Declared.MD5 = strings.Repeat("G", 32) }),
	body("artifact.empty", "no-bytes", func(b *custody.Deposited) { b.Artifact.Size = 0 }),
	body("artifact.empty", "computed-over-no-bytes", func(b *custody.Verification) { b.Computed.Size = 0 }),
	body("time.empty", "no-leaves", func(b *custody.LogTime) { b.Size = 0 }),
	body("artifact.segments", "one-segment", func(b *custody.Deposited) {
		b.Declared, b.Segments = custody.Declared{}, []uint64{b.Artifact.Size}
	}),
	body("artifact.segments", "empty-segment", func(b *custody.Deposited) {
		b.Declared, b.Segments = custody.Declared{}, []uint64{b.Artifact.Size, 0}
	}),
	body("artifact.segments", "another-sum", func(b *custody.Deposited) {
		b.Declared, b.Segments = custody.Declared{}, []uint64{b.Artifact.Size, 1}
	}),
	body("artifact.segments", "declared-of-a-file", func(b *custody.Deposited) {
		b.Segments = []uint64{1, b.Artifact.Size - 1}
	}),
	body("artifact.declared", "another-sha256", func(b *custody.Deposited) { b.Declared.SHA256 = &other }),
}

func ascending(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i)
	}
	return out
}
