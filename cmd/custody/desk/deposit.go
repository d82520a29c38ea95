package desk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
	"github.com/evidence-custody/custodyd/evidence/acquisition"
	"github.com/evidence-custody/custodyd/evidence/ewf"
	"github.com/evidence-custody/custodyd/evidence/parcel"
)

// Depositing deposits one file.
type Depositing struct {
	Path     string
	Case     evidence.Digest
	Parent   *evidence.Digest // exhibit it was acquired from
	Format   custody.ImageFormat
	Role     custody.Role
	Declared custody.Declared  // what the imager's log says
	Legacy   evidence.Legacy   // digests to compute beside those declared
	Fields   map[string]string // of the item document; exhibit, description, …
	Name     string            // file name to record; "" takes Path's
	Progress Progress
	Telling  Telling
	// Logs are the imager's logs of the file. Their hashes are computed over what
	// is sent; where one differs, nothing is signed, but with the depositor's
	// words in Despite, which are then recorded. The logs themselves are deposits
	// of their own (DepositLog).
	Logs    []ImagerLog
	Despite string

	// Alone deposits the one file where it is part of a segmented image.
	Alone bool
	// AcceptDamaged deposits an E01 of which a chunk is damaged, or whose medium
	// has another hash than its imager stored in it, or that cannot be read.
	AcceptDamaged bool
	// Turn, where set, is waited for when all bytes were sent, before the deposit is
	// signed: so that of the same bytes sent twice at once the first is deposited.
	Turn func(context.Context) error
	// Opened, where set, is told what an E01 says of itself before it is sent.
	Opened func(*ewf.Image)
}

// Deposited is an artifact in the store's keeping.
type Deposited struct {
	Recorded
	Item     evidence.Digest   `json:"item"`
	Artifact custody.Artifact  `json:"artifact"`
	SHA1     string            `json:"sha1,omitempty"`
	MD5      string            `json:"md5,omitempty"`
	Segments int               `json:"segments,omitempty"` // files of a segmented image, whose manifest then has the SHA-256
	Manifest evidence.Manifest `json:"-"`
	Media    *Media            `json:"media,omitempty"` // of an E01: what its data was found to be
	// Logs is what may be said of each of the file's acquisition logs beside
	// what was measured, in the order given.
	Logs []acquisition.Comparison `json:"logs,omitempty"`
}

// maxInFlight bounds how many parts travel at once, whatever the service says.
const maxInFlight = 8

// Deposit sends a file in parts, measuring it as it is read, and then signs
// artifact.deposited over what it measured. Interrupted, the same call takes it
// up at the first part that the service does not hold.
//
// A declared SHA-256 is signed as it was declared: where the bytes differ, the
// service refuses the deposit and records both.
func (d *Desk) Deposit(ctx context.Context, in Depositing) (Deposited, error) {
	file, err := openSource(in.Path, in.Alone)
	if err != nil {
		return Deposited{}, err
	}
	defer file.Close()
	if err := in.complete(file.names[0], file); err != nil {
		return Deposited{}, err
	}
	if file.segmented() && (in.Legacy != 0 || in.Declared != (custody.Declared{})) {
		return Deposited{}, fmt.Errorf("couldn't deposit %d segments as one image with the hashes of one file", len(file.names))
	}
	image, err := file.image(in.Format, in.Alone)
	if err != nil {
		if !in.AcceptDamaged {
			return Deposited{}, err
		}
		in.remark(err.Error())
	}
	if image != nil && in.Opened != nil {
		in.Opened(image)
	}
	if err := d.vet(ctx, in); err != nil {
		return Deposited{}, err
	}
	memory := d.uploadMemory(in, file)
	upload, err := memory.begin(ctx)
	if err != nil {
		return Deposited{}, err
	}
	media := verifyMedia(ctx, image)
	m, err := d.sendParts(ctx, file, upload, in.Progress)
	decoded, mediaErr := media.wait(err)
	var no *Answer
	if errors.As(err, &no) && no.Code == "upload-closed" { // nothing can be added to it: the next try begins anew
		return Deposited{}, errors.Join(fmt.Errorf("couldn't deposit: %w", err), memory.forget())
	}
	if err = errors.Join(err, mediaErr); err != nil {
		return Deposited{}, fmt.Errorf("couldn't deposit: %w", interrupted(err))
	}
	if err := file.unchanged(); err != nil {
		return Deposited{}, errors.Join(err, d.Service.AbortUpload(ctx, upload.ID), memory.forget())
	}
	compared, err := in.beside(m, decoded, file)
	if err != nil { // the session stays: with the depositor's words it is finished
		return Deposited{Logs: compared}, err
	}
	if err := decoded.sound(); err != nil {
		if !in.AcceptDamaged { // the session stays here, too
			return Deposited{Media: decoded}, err
		}
		in.remark(decoded.words())
	}
	if in.Turn != nil {
		if err := in.Turn(ctx); err != nil {
			return Deposited{Logs: compared, Media: decoded}, fmt.Errorf("couldn't deposit: %w", interrupted(err))
		}
	}
	out, err := d.finish(ctx, in, file, upload.ID, m)
	out.Logs, out.Media = compared, decoded
	switch {
	case errors.As(err, &no) && no.Code == "upload-incomplete":
		// The store lost what it had acknowledged: the session goes on.
		return out, fmt.Errorf("%w: %w", ErrInterrupted, err)
	case err == nil || errors.As(err, &no) && no.final(true):
		err = errors.Join(err, memory.forget())
	}
	return out, err
}

// legacy is what has to be computed: what was asked for, and all that is
// declared.
func (in Depositing) legacy() evidence.Legacy {
	l := in.Legacy
	if in.Declared.SHA1 != "" {
		l |= evidence.SHA1
	}
	if in.Declared.MD5 != "" {
		l |= evidence.MD5
	}
	return l | in.logged()
}

// complete fills in what follows from the file itself.
func (in *Depositing) complete(name string, file io.ReaderAt) error {
	if in.Name == "" {
		in.Name = name
	}
	in.Name = evidence.NormalizeFileName(in.Name)
	if err := evidence.CheckFileName(in.Name); err != nil {
		return fmt.Errorf("couldn't record the file's name: %w", err)
	}
	if in.Format == "" {
		head := make([]byte, 16)
		n, err := file.ReadAt(head, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("couldn't read the file: %w", err)
		}
		in.Format = custody.FormatRaw
		if evidence.GuessFormat(head[:n]) == evidence.FormatEWFE01 {
			in.Format = custody.FormatEWF
		} else if acquisition.GuessContainer(in.Name, head[:n]) != acquisition.Raw {
			in.Format = custody.FormatOther
		}
	}
	if in.Role == "" {
		in.Role = custody.RoleMaster
	}
	details := map[custody.Field]string{custody.FieldFileName: in.Name}
	for f, v := range in.Telling.Details {
		details[f] = v
	}
	in.Telling.Details = details
	in.toolOf()
	return nil
}

// sendParts reads the file once, in order: every byte is measured, and those
// the service does not hold yet are sent, several parts at a time.
func (d *Desk) sendParts(ctx context.Context, file *source, u Upload, progress Progress) (evidence.Measured, error) {
	if u.PartSize <= 0 || u.PartSize%evidence.BlockSize != 0 && u.Parts > 1 || u.PartSize > 2<<30 {
		return evidence.Measured{}, fmt.Errorf("couldn't use parts of %d bytes", u.PartSize)
	}
	held := map[int]bool{}
	for _, n := range u.Received {
		held[n] = true
	}
	hasher := file.hasher(u.Legacy)
	tally := newTally(u.Size, progress)
	s := parcel.Sending{Source: file, Size: u.Size, PartSize: u.PartSize, Held: held, Window: min(max(1, u.Window), maxInFlight),
		Hasher: hasher, Done: tally.add,
		Put: func(ctx context.Context, n int, p *parcel.Parcel) error { return d.putPart(ctx, u.ID, n, p) }}
	m, err := s.Send(ctx)
	file.named(&m, hasher.SegmentSums())
	return m, errors.Join(err, ctx.Err())
}

// finish signs the deposit and closes the session with it.
func (d *Desk) finish(ctx context.Context, in Depositing, file *source, upload string, m evidence.Measured) (Deposited, error) {
	fields := map[string]string{"fileName": in.Name}
	for k, v := range in.Fields {
		fields[k] = v
	}
	doc, id, err := d.found(custody.DocItem, fields)
	if err != nil {
		return Deposited{}, err
	}
	artifact := custody.Artifact{BlockRoot: m.BlockRoot, SHA256: m.SHA256, Size: m.Size}
	if in.Declared.SHA256 != nil {
		artifact.SHA256 = *in.Declared.SHA256
	}
	body := &custody.Deposited{Artifact: artifact, Case: in.Case, Declared: in.Declared,
		Format: in.Format, Item: id, Parent: in.Parent, Role: in.Role, Segments: file.segments()}
	documents := [][]byte{doc}
	if file.segmented() {
		documents = append(documents, file.manifest.Encode())
	}
	d.acting.Lock()
	defer d.acting.Unlock()
	r, err := d.perform(ctx, func() (act, error) {
		s, err := d.footing(ctx, in)
		if err != nil {
			return act{}, err
		}
		return act{body: body, telling: in.Telling, documents: documents, upload: upload, verified: s.verified, basis: s.basis}, nil
	})
	return Deposited{Recorded: r, Item: id, Artifact: artifact, Segments: len(file.segments()), Manifest: file.manifest,
		SHA1: m.SHA1, MD5: m.MD5}, err
}
