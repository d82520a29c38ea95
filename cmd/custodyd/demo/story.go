package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// cast is everybody in the story.
type cast struct {
	agency, lab, court           *person // administrators, with their organisations' root keys
	investigator, analyst, clerk *person
	agencyID, labID, courtID     evidence.Digest
	kase, exhibit, item          evidence.Digest
	deposited                    desk.Deposited
	retrieved                    desk.Retrieved
}

// Play plays the story. It returns an error unless every step held; what was
// left in Options.Out then says how far it came.
func Play(ctx context.Context, service Service, o Options) (Summary, error) {
	s := &stage{o: o, service: service, began: time.Now(), image: o.Image, sum: Summary{Files: map[string]string{}}}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return s.sum, fmt.Errorf("couldn't make the directory for results: %w", err)
	}
	err := s.play(ctx)
	return s.sum, errors.Join(err, s.close(err))
}

func (s *stage) play(ctx context.Context) error {
	c := &cast{}
	acts := []struct {
		name string
		do   func() (string, error)
	}{
		{"Prepare the disk image", s.prepareImage},
		{"The agency, the laboratory and the court are founded", func() (string, error) { return s.found(ctx, c) }},
		{"A trust policy is made of what they published", func() (string, error) { return s.trust(ctx, c) }},
		{"An investigator, an analyst and a clerk are enrolled", func() (string, error) { return s.enrol(ctx, c) }},
		{"The investigator opens a case", func() (string, error) { return s.open(ctx, c) }},
		{"The investigator registers the seized exhibit", func() (string, error) { return s.register(ctx, c) }},
		{"The investigator deposits the image", func() (string, error) { return s.deposit(ctx, c) }},
		{"The investigator releases the exhibit to the laboratory", func() (string, error) { return s.release(ctx, c) }},
		{"The analyst accepts it: custody has moved", func() (string, error) { return s.accept(ctx, c) }},
		{"The investigator grants the laboratory the image's bytes", func() (string, error) { return s.grant(ctx, c) }},
		{"The analyst retrieves the image, block by verified block", func() (string, error) { return s.retrieve(ctx, c) }},
		{"The analyst records what was recomputed", func() (string, error) { return s.record(ctx, c) }},
		{"The analyst files an expert opinion", func() (string, error) { return s.opine(ctx, c) }},
		{"The court's clerk is granted the record and gets a report", func() (string, error) { return s.report(ctx, c) }},
		{"The clerk takes the dossier", func() (string, error) { return s.dossier(ctx, c) }},
		{"The dossier and the image are verified offline", func() (string, error) { return s.verify(ctx) }},
		{"Without the policy nobody is identified", func() (string, error) { return s.unpoliced(ctx) }},
		{"One byte changed in a copy of the dossier is caught", func() (string, error) { return s.forgeDossier(ctx) }},
		{"One byte changed in a copy of the image is caught", func() (string, error) { return s.forgeImage(ctx) }},
	}
	for _, a := range acts {
		if err := s.step(a.name, a.do); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) prepareImage() (string, error) {
	if s.image == "" {
		s.image = filepath.Join(s.o.Work, madeImage)
		if err := MakeImage(s.image); err != nil {
			return "", err
		}
		return fmt.Sprintf("an ext4 image of %d MiB with Urdu file names", imageSize>>20), nil
	}
	info, err := os.Stat(s.image)
	if err != nil {
		return "", fmt.Errorf("couldn't use the image: %w", err)
	}
	return fmt.Sprintf("%s, %d bytes", s.image, info.Size()), nil
}

// found: the first administrator has the operator's one-time token, the others
// an invitation.
func (s *stage) found(ctx context.Context, c *cast) (string, error) {
	token, _, err := s.service.FirstToken(ctx)
	if err != nil {
		return "", err
	}
	organisation := func(name, invitation, title string, class custody.OrgClass) (*person, evidence.Digest, error) {
		p, err := s.arrive(name, invitation)
		if err != nil {
			return nil, evidence.Digest{}, err
		}
		f, err := p.desk.FoundOrganisation(ctx, desk.Founding{Name: title, Class: class})
		if err != nil {
			return nil, evidence.Digest{}, err
		}
		return p, f.Organisation, s.connect(p, "")
	}
	if c.agency, c.agencyID, err = organisation("agency-administrator", token, "National Cyber Crime Investigation Agency (demonstration)", custody.OrgAgency); err != nil {
		return "", err
	}
	for _, o := range []struct {
		who   **person
		id    *evidence.Digest
		name  string
		title string
		class custody.OrgClass
	}{
		{&c.lab, &c.labID, "laboratory-administrator", "Independent Forensic Laboratory (demonstration)", custody.OrgLaboratory},
		{&c.court, &c.courtID, "court-administrator", "Sessions Court (demonstration)", custody.OrgCourt},
	} {
		i, err := c.agency.desk.Invite(ctx, desk.InviteOrganisation)
		if err != nil {
			return "", err
		}
		if *o.who, *o.id, err = organisation(o.name, i.Token, o.title, o.class); err != nil {
			return "", err
		}
	}
	return "each with its own root key, which never leaves it", nil
}

// trust: only organisations that name themselves by the very id they computed
// over their own document come into the policy.
func (s *stage) trust(ctx context.Context, c *cast) (string, error) {
	published, err := desk.ReadPublished(ctx, c.court.desk.Service)
	if err != nil {
		return "", err
	}
	if s.policy, err = published.MakePolicy(c.agencyID, c.labID, c.courtID); err != nil {
		return "", err
	}
	s.sum.Log = published.Log
	b, err := s.policy.Encode()
	if err != nil {
		return "", err
	}
	return "ids compared with those the organisations computed themselves; " + TrustFile, s.leave(TrustFile, b)
}

func (s *stage) enrol(ctx context.Context, c *cast) (string, error) {
	one := func(admin *person, name string, document map[string]string, rights ...custody.Right) (*person, error) {
		i, err := admin.desk.Invite(ctx, desk.InviteKey)
		if err != nil {
			return nil, err
		}
		p, err := s.arrive(name, i.Token)
		if err != nil {
			return nil, err
		}
		k, err := p.desk.RequestKey(ctx, desk.KeyRequest{Organisation: admin.desk.Key.Organisation, Person: document})
		if err != nil {
			return nil, err
		}
		if _, err := admin.desk.CertifyKey(ctx, desk.Certification{Key: k.Key, Rights: rights}); err != nil {
			return nil, err
		}
		if err := s.connect(p, ""); err != nil {
			return nil, err
		}
		_, err = p.desk.Enroll(ctx)
		return p, err
	}
	var err error
	if c.investigator, err = one(c.agency, "investigator", map[string]string{"name": "Muhammad Ali", "nameNative": "محمد علی", "rank": "Inspector", "badge": "1147", "role": "Investigating officer"},
		custody.RightInvestigate, custody.RightHold); err != nil {
		return "", err
	}
	if c.analyst, err = one(c.lab, "analyst", map[string]string{"name": "Dr Ayesha Khan", "nameNative": "ڈاکٹر عائشہ خان", "role": "Digital forensic analyst"},
		custody.RightExamine, custody.RightHold); err != nil {
		return "", err
	}
	if c.clerk, err = one(c.court, "clerk", map[string]string{"name": "Bilal Ahmed", "nameNative": "بلال احمد", "role": "Reader to the court"}, custody.RightInspect); err != nil {
		return "", err
	}
	return "each key made by its holder and certified by the holder's organisation", nil
}

func (s *stage) open(ctx context.Context, c *cast) (string, error) {
	o, err := c.investigator.desk.OpenCase(ctx, desk.Opening{Fields: map[string]string{"title": "State v. unknown (demonstration)", "fir": "FIR 12/2026",
		"court": "Sessions Court (demonstration)", "sections": "PECA 2016 s. 3, 4", "officer": "Muhammad Ali"}})
	c.kase, s.sum.Case = o.Case, o.Case
	return receipt(o.Recorded), err
}

func receipt(r desk.Recorded) string {
	return fmt.Sprintf("log index %d, included in the signed checkpoint of %d leaves", r.Index, r.Size)
}

func (s *stage) register(ctx context.Context, c *cast) (string, error) {
	r, err := c.investigator.desk.RegisterItem(ctx, desk.Registration{Case: c.kase, Class: custody.ItemMedium,
		Fields:    map[string]string{"exhibit": "MA/1", "description": "USB stick, black, 32 GB", "make": "Generic", "serial": "0011223344"},
		Seals:     []custody.SealNumber{"NCCIA-000417"},
		Witnesses: []map[string]string{{"name": "Imran Shah", "nameNative": "عمران شاہ", "role": "Witness"}, {"name": "Sana Tariq", "nameNative": "ثنا طارق", "role": "Witness"}},
		Telling:   desk.Telling{From: time.Now().Add(-2 * time.Hour), Details: map[custody.Field]string{custody.FieldPlace: "Office 4, Islamabad"}}})
	c.exhibit, s.sum.Exhibit = r.Item, r.Item
	return receipt(r.Recorded), err
}

func (s *stage) deposit(ctx context.Context, c *cast) (string, error) {
	parent := c.exhibit
	d, err := c.investigator.desk.Deposit(ctx, desk.Depositing{Path: s.image, Case: c.kase, Parent: &parent, Role: custody.RoleMaster,
		Fields: map[string]string{"exhibit": "MA/1/1", "description": "Forensic image of MA/1"}, Progress: s.progress("sent"),
		Telling: desk.Telling{Details: map[custody.Field]string{custody.FieldTool: "demonstration", custody.FieldWriteBlocker: "none (demonstration)"}}})
	if err != nil {
		return "", err
	}
	c.deposited, c.item = d, d.Item
	s.sum.Item, s.sum.Artifact = d.Item, &d.Artifact
	return fmt.Sprintf("SHA-256 %s, %d bytes, stored under Object Lock", d.Artifact.SHA256, d.Artifact.Size), nil
}

func (s *stage) release(ctx context.Context, c *cast) (string, error) {
	r, err := c.investigator.desk.Release(ctx, desk.Release{Items: []desk.Handing{{Item: c.exhibit}}, To: custody.Recipient{Org: c.labID}, Purpose: custody.PurposeExamination,
		Telling: desk.Telling{Details: map[custody.Field]string{custody.FieldMethod: "by hand", custody.FieldRoadCertificate: "RC 88/2026"}}})
	return receipt(r), err
}

func (s *stage) accept(ctx context.Context, c *cast) (string, error) {
	r, err := c.analyst.desk.Accept(ctx, desk.Acceptance{Items: []desk.Handing{{Item: c.exhibit}},
		Telling: desk.Telling{Details: map[custody.Field]string{custody.FieldPlace: "Laboratory intake"}}})
	return receipt(r), err
}

func (s *stage) grant(ctx context.Context, c *cast) (string, error) {
	g, err := c.investigator.desk.Grant(ctx, desk.Granting{Case: c.kase, Items: []evidence.Digest{c.item}, To: custody.Recipient{Org: c.labID},
		Scope: custody.ScopeBytes, Expires: time.Now().AddDate(0, 1, 0), Fields: map[string]string{"title": "Examination of MA/1/1"}})
	return receipt(g.Recorded), err
}

func (s *stage) retrieve(ctx context.Context, c *cast) (string, error) {
	path := s.retrieved()
	var err error
	c.retrieved, err = c.analyst.desk.Retrieve(ctx, desk.Retrieval{Reading: desk.Reading{Item: c.item, Purpose: custody.PurposeExamination}, Path: path, Progress: s.progress("received")})
	if err != nil {
		return "", err
	}
	if err := sameFiles(s.image, path); err != nil {
		return "", err
	}
	s.sum.Files[filepath.Base(path)] = c.retrieved.Computed.SHA256.String()
	return "byte for byte the image that went in", nil
}

// sameFiles compares two files byte by byte.
func sameFiles(a, b string) error {
	var sums [2]evidence.Measured
	for i, name := range []string{a, b} {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		sums[i], _, err = evidence.Measure(io.Reader(f))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if sums[0] != sums[1] {
		return fmt.Errorf("%s is not %s", b, a)
	}
	return nil
}

func (s *stage) record(ctx context.Context, c *cast) (string, error) {
	r, err := c.analyst.desk.RecordVerification(ctx, c.retrieved, desk.Telling{Details: map[custody.Field]string{custody.FieldTool: "custodyd demo"}})
	return receipt(r), err
}

func (s *stage) opine(ctx context.Context, c *cast) (string, error) {
	f, err := c.analyst.desk.FileOpinion(ctx, desk.Filing{Case: c.kase, Items: []evidence.Digest{c.item},
		Telling: desk.Telling{Details: map[custody.Field]string{custody.FieldOpinion: "The image received is bit for bit the image deposited. (Demonstration.)", custody.FieldMethod: "SHA-256 and block tree recomputed over the bytes received"}}})
	return fmt.Sprintf("capacity %s; %s", f.Capacity, receipt(f.Recorded)), err
}
