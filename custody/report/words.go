package report

import (
	"fmt"
	"strconv"
)

// Sentence is the report in one sentence, computed from the verdict and what
// it rests on. It never says "verified" of bytes that were not read and never
// says "complete".
func (d Document) Sentence() string {
	switch d.Result.Verdict {
	case Whole:
		return d.wholeSentence()
	case Bad:
		return fmt.Sprintf("Verification found %s in this record: it must not be relied on as it stands. "+
			"The findings say what is wrong.", count(max(d.findings(SeverityBad), d.checks(failedCheck)), "fault", "faults"))
	}
	s := "Verification could not be completed: " + d.uncheckedWords() + ". What was checked showed no fault"
	if !d.Policy.Given {
		s += ", but no trust policy was given, so the record is at best consistent with itself and nobody who " +
			"signed it is identified"
	}
	return s + "; this is not a statement that the record is whole."
}

func (d Document) wholeSentence() string {
	s := fmt.Sprintf("Under the trust policy that was given, the %s in this report %s by the keys shown, %s back to the "+
		"first of each chain in scope without a break, and %s included in the log of %s at size %d",
		count(len(d.Acts), "act", "acts"), plural(len(d.Acts), "is signed", "are signed"),
		plural(len(d.Acts), "leads", "lead"), plural(len(d.Acts), "is", "are"), d.Log.Origin, d.Log.Size)
	if d.Policy.Quorum == 0 {
		s += ", which no witness was asked to confirm"
	}
	s += "; " + d.bytesWords()
	if d.Result.Hashes == Fail {
		s += "; at least one measurement of a stored object differs from its recorded digest"
	}
	if d.Result.Seals == Fail {
		s += "; seals differ or were broken at a hand-over"
	}
	return s + "; " + d.gapWords() + "."
}

func (d Document) bytesWords() string {
	read := 0
	for _, a := range d.Artifacts {
		if a.Bytes == Pass {
			read++
		}
	}
	switch {
	case len(d.Artifacts) == 0:
		return "no stored object belongs to it"
	case read == 0:
		return "the bytes of the stored objects were not checked for this report"
	case read == len(d.Artifacts):
		return "the bytes of all " + strconv.Itoa(read) + " stored objects were read and match their recorded digests"
	}
	return fmt.Sprintf("the bytes of %d of %d stored objects were read and match their recorded digests, "+
		"the others were not checked", read, len(d.Artifacts))
}

func (d Document) gapWords() string {
	if len(d.Gaps) == 0 {
		return "no gap in custody is recorded"
	}
	return count(len(d.Gaps), "gap in custody is", "gaps in custody are") + " listed"
}

func (d Document) uncheckedWords() string {
	if n := d.checks(Check.missing); n > 0 {
		return count(n, "check", "checks") + " could not be made"
	}
	if n := d.findings(SeverityUnchecked); n > 0 {
		return count(n, "matter", "matters") + " could not be checked"
	}
	return "not everything that is needed was checked"
}

func (d Document) checks(is func(Check) bool) int {
	n := 0
	for _, c := range d.Checks {
		if is(c) {
			n++
		}
	}
	return n
}

func (d Document) findings(s Severity) int {
	n := 0
	for _, f := range d.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

func count(n int, one, many string) string {
	return strconv.Itoa(n) + " " + plural(n, one, many)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Words says one completeness promise: never "complete" alone.
func (c Completeness) Words() string {
	return fmt.Sprintf("complete to seq %d according to %s", c.Seq, c.AccordingTo)
}

// SignatureWords tells a person's statement from the service's.
func (a Act) SignatureWords() string {
	if a.Class == ClassPerson {
		return "person's own signature"
	}
	return "observed by the service"
}

// Label is the opinion's label. The statutory reference is how the deployment
// is configured to read the law, and says so.
func (o Opinion) Label() string {
	if o.Capacity == CapacitySection40 {
		return "section 40 (configured reading of PECA 2016)"
	}
	return "in-house"
}

// Words say who arrived at the digest.
func (k MeasurementKind) Words() string {
	switch k {
	case Declared:
		return "declared by the depositor"
	case MeasuredByService:
		return "measured by the service on receipt"
	case RecomputedByReader:
		return "recomputed by the reader"
	case RecomputedForReport:
		return "recomputed for this report"
	}
	return "unknown"
}

// Words say why the interval is listed.
func (k GapKind) Words() string {
	switch k {
	case GapAssumed:
		return "custody assumed without a release"
	case GapInTransit:
		return "in transit: released, not accepted"
	case GapNoCustodian:
		return "no accountable custodian"
	}
	return "unknown"
}

var kindWords = map[string]string{
	"log.genesis":           "Log founded",
	"log.time":              "Log head timestamped",
	"log.recovered":         "Log continued after a loss of events",
	"org.founded":           "Organisation founded its key",
	"key.requested":         "Key presented by its owner",
	"key.certified":         "Key certified",
	"key.revoked":           "Key revoked",
	"org.status":            "Revoked keys listed",
	"case.opened":           "Case opened",
	"item.registered":       "Item registered (seizure)",
	"artifact.deposited":    "Image deposited",
	"artifact.received":     "Bytes received and measured",
	"deposit.refused":       "Deposit refused",
	"fixity.passed":         "Copy read back, as deposited",
	"fixity.failed":         "COPY NOT AS DEPOSITED",
	"fixity.unchecked":      "Copy could not be checked",
	"image.read":            "Image decoded by the service",
	"custody.released":      "Custody released",
	"custody.accepted":      "Custody accepted",
	"custody.declined":      "Custody declined",
	"custody.recalled":      "Release recalled",
	"act.approved":          "Act approved by a second officer",
	"custody.assumed":       "Custody assumed without a release",
	"custody.confirmed":     "Record confirmed by the custodian",
	"item.disposed":         "Item disposed of",
	"artifact.erased":       "Key of the stored bytes destroyed",
	"access.granted":        "Access granted",
	"access.requested":      "Access requested",
	"access.served":         "Bytes served",
	"verification.recorded": "Bytes recomputed by the reader",
	"opinion.filed":         "Expert opinion filed",
	"correction.recorded":   "Correction recorded",
	"report.issued":         "Report issued",
}

// KindWords says an event's kind in plain words; a kind it does not know stays
// as it is, for a reader must see it.
func KindWords(kind string) string {
	if w, ok := kindWords[kind]; ok {
		return w
	}
	return kind
}

// StandardLimits are the limits every report has.
func StandardLimits() []string {
	return []string{
		"This report does not show what happened to an item before it was registered here, and says nothing about how it was seized beyond what the signers state.",
		"A signature shows which key made a statement. It does not show that the statement is true, nor that the owner of the key was alone with it.",
		"Times of acts and of signing are the signers' own claims unless a trusted time is shown beside them. The order of events is shown by the log, not by these times.",
		"Reading or copying bytes outside this service cannot be seen by it and is not shown.",
		"Agreement of two digests shows that the same bytes were measured, not what the bytes mean or where they came from.",
		"\"Not checked\" means that nothing was looked at. It is neither good nor bad.",
		"References to statutes are configured readings by the operator of this service, not legal advice and not a statement of compliance.",
	}
}

// StandardSteps are the steps to check the dossier without this service. The
// origin is the log's; the files are those of the dossier's bag.
func StandardSteps() []Step {
	return []Step{
		{Words: "Get the dossier (dossier.zip) that belongs to this report, and the trust policy from the organisations themselves, not from the dossier or from this service. Compare the organisations' fingerprints with them by another way, for example by telephone."},
		{Words: "Check the whole record offline with the verifier. It exits with 0 only when nothing is wrong under your policy.", Command: "custody verify --policy trust.json dossier.zip"},
		{Words: "Check also the bytes of an image you hold. Without this, its bytes are not checked.", Command: "custody verify --policy trust.json dossier.zip --artifact IMAGE"},
		{Words: "Compare an image with the SHA-256 in this report's annex, with no software of ours.", Command: "sha256sum IMAGE"},
		{Words: "Compare the files of a segmented image, in their folder, with its manifest from the dossier; then the manifest with the SHA-256 in this report's annex.", Command: "sha256sum -c data/documents/MANIFEST.txt && sha256sum data/documents/MANIFEST.txt"},
		{Words: "Check the files of the unpacked dossier against its manifests, with no software of ours.", Command: "sha256sum -c tagmanifest-sha256.txt && sha256sum --quiet -c manifest-sha256.txt"},
		{Words: "Compare the log's size and root on the cover with the checkpoint in the dossier (data/log/checkpoint.txt) and with what the log's witnesses publish."},
	}
}
