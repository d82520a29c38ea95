package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/custody/dossier"
	"github.com/evidence-custody/custodyd/custody/verify"
)

func (s *stage) report(ctx context.Context, c *cast) (string, error) {
	_, err := c.investigator.desk.Grant(ctx, desk.Granting{Case: c.kase, To: custody.Recipient{Org: c.courtID}, Scope: custody.ScopeRecord, Fields: map[string]string{"title": "Record for the court"}})
	if err != nil {
		return "", err
	}
	issued, err := c.clerk.desk.RequestReport(ctx, c.kase, nil)
	if err != nil {
		return "", err
	}
	for _, name := range []string{PDFFile, JSONFile} {
		if err := s.leave(name, issued.Files[name]); err != nil {
			return "", err
		}
	}
	return PDFFile + " and " + JSONFile + "; " + receipt(issued.Recorded), nil
}

func (s *stage) dossier(ctx context.Context, c *cast) (string, error) {
	d, err := c.clerk.desk.VerifyCase(ctx, c.kase)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d events, verified before it was taken", DossierFile, len(d.Readings[0].Events)), s.leave(DossierFile, d.Files[0])
}

// check verifies dossier bytes and an image as `custody verify` does, with the
// policy from its file.
func (s *stage) check(ctx context.Context, zip []byte, policy *verify.Policy, image string) (*verify.Result, error) {
	d, bad, err := verify.Read(bytes.NewReader(zip), int64(len(zip)), dossier.DefaultLimits)
	if err != nil || bad != nil {
		return bad, err
	}
	f, err := os.Open(image)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return verify.Dossiers(ctx, policy, []*dossier.Dossier{d}, verify.File{Name: filepath.Base(image), Reader: f})
}

func (s *stage) files() (zip []byte, policy *verify.Policy, err error) {
	if zip, err = os.ReadFile(filepath.Join(s.o.Out, DossierFile)); err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(filepath.Join(s.o.Out, TrustFile))
	if err != nil {
		return nil, nil, err
	}
	policy, err = verify.ParsePolicy(b)
	return zip, policy, err
}

func (s *stage) retrieved() string { return RetrievedPath(s.o.Out, s.image) }

// RetrievedPath is where the image that came out lies; image is what
// Options.Image said.
func RetrievedPath(out, image string) string {
	if image == "" {
		image = madeImage
	}
	return filepath.Join(out, "retrieved-"+filepath.Base(image))
}

func (s *stage) verify(ctx context.Context) (string, error) {
	zip, policy, err := s.files()
	if err != nil {
		return "", err
	}
	res, err := s.check(ctx, zip, policy, s.retrieved())
	if err != nil {
		return "", err
	}
	if res.Verdict != verify.Whole || !res.Has(verify.BytesMatch) {
		return "", fmt.Errorf("the verdict is %s: %s", res.Verdict, worst(res))
	}
	return "whole under the policy; the image's bytes match (limitations: " + limitations(res) + ")", nil
}

func (s *stage) unpoliced(ctx context.Context) (string, error) {
	zip, _, err := s.files()
	if err != nil {
		return "", err
	}
	res, err := s.check(ctx, zip, nil, s.retrieved())
	if err != nil {
		return "", err
	}
	if res.Verdict != verify.Open || !res.Has(verify.NoPolicy) {
		return "", fmt.Errorf("the verdict is %s, though nobody is identified", res.Verdict)
	}
	return "could not be checked: self-consistent, signers unidentified", nil
}

func (s *stage) forgeDossier(ctx context.Context) (string, error) {
	zip, policy, err := s.files()
	if err != nil {
		return "", err
	}
	at := len(zip) / 2
	zip[at] ^= 0x01
	res, err := s.check(ctx, zip, policy, s.retrieved())
	if err != nil {
		return "", err
	}
	if res.Verdict != verify.NotWhole {
		return "", fmt.Errorf("byte %d was changed and the verdict is %s", at, res.Verdict)
	}
	return worst(res), nil
}

func (s *stage) forgeImage(ctx context.Context) (string, error) {
	zip, policy, err := s.files()
	if err != nil {
		return "", err
	}
	copied := filepath.Join(s.o.Work, "changed.img")
	if err := copyChanged(s.retrieved(), copied); err != nil {
		return "", err
	}
	defer os.Remove(copied)
	res, err := s.check(ctx, zip, policy, copied)
	if err != nil {
		return "", err
	}
	if res.Verdict != verify.NotWhole || !res.Has(verify.BytesMismatch) {
		return "", fmt.Errorf("a byte of the image was changed and the verdict is %s", res.Verdict)
	}
	return worst(res), nil
}

// worst is the first finding that counts against the evidence.
func worst(res *verify.Result) string {
	for _, f := range res.Findings {
		if f.Severity != verify.Note {
			return f.String()
		}
	}
	return "no finding"
}

// limitations names the notes that limit a verdict.
func limitations(res *verify.Result) string {
	text := ""
	for _, f := range res.Findings {
		switch f.Name {
		case verify.Unwitnessed, verify.Untimed, verify.TestLog:
			if text != "" {
				text += ", "
			}
			text += string(f.Name)
		}
	}
	return text
}
