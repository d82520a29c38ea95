package custody

import "slices"

// Kind names what happened. The list is closed.
type Kind string

// The kinds of version 1.
const (
	KindGenesis   Kind = "log.genesis"
	KindTime      Kind = "log.time"
	KindRecovered Kind = "log.recovered"
	KindFounded   Kind = "org.founded"
	KindRequested Kind = "key.requested"
	KindCertified Kind = "key.certified"
	KindRevoked   Kind = "key.revoked"
	KindStatus    Kind = "org.status"

	KindCaseOpened Kind = "case.opened"
	KindRegistered Kind = "item.registered"
	KindDeposited  Kind = "artifact.deposited"
	KindReceived   Kind = "artifact.received"
	KindRefused    Kind = "deposit.refused"

	KindFixityPassed    Kind = "fixity.passed"
	KindFixityFailed    Kind = "fixity.failed"
	KindFixityUnchecked Kind = "fixity.unchecked"

	KindImageRead Kind = "image.read"

	KindReleased  Kind = "custody.released"
	KindAccepted  Kind = "custody.accepted"
	KindDeclined  Kind = "custody.declined"
	KindRecalled  Kind = "custody.recalled"
	KindApproved  Kind = "act.approved"
	KindAssumed   Kind = "custody.assumed"
	KindConfirmed Kind = "custody.confirmed"
	KindDisposed  Kind = "item.disposed"
	KindErased    Kind = "artifact.erased"

	KindGranted   Kind = "access.granted"
	KindAccess    Kind = "access.requested"
	KindServed    Kind = "access.served"
	KindVerified  Kind = "verification.recorded"
	KindOpinion   Kind = "opinion.filed"
	KindCorrected Kind = "correction.recorded"
	KindReport    Kind = "report.issued"
)

// Right is what a certificate lets its key do. The list is closed.
type Right string

// Rights. A root key has none of them: it certifies, revokes and lists what is
// revoked, nothing else.
const (
	RightCertify     Right = "certify"     // certify and revoke keys of its organisation, and list the revoked
	RightInvestigate Right = "investigate" // open cases, register exhibits, deposit images
	RightHold        Right = "hold"        // accept or assume custody
	RightExamine     Right = "examine"     // deposit results, file opinions
	RightApprove     Right = "approve"     // be the second person of an act that needs two
	RightInspect     Right = "inspect"     // read records that were granted, ask for reports
)

var rights = []Right{RightApprove, RightCertify, RightExamine, RightHold, RightInspect, RightInvestigate}

// Rights returns the closed list, sorted.
func Rights() []Right { return slices.Clone(rights) }

// ChainType says what a chain is about.
type ChainType string

// Chain types.
const (
	ChainLog          ChainType = "log"
	ChainOrg          ChainType = "organisation"
	ChainKey          ChainType = "key"
	ChainCase         ChainType = "case"
	ChainItem         ChainType = "item"
	ChainObservations ChainType = "observations"
	ChainAccess       ChainType = "access"
	ChainGrant        ChainType = "grant"
)

// Advance is one chain that a statement must advance.
type Advance struct {
	ID       ID
	Type     ChainType
	Founds   bool // this event is the chain's first
	MayFound bool // this event may be the chain's first (observation and access chains have no founding event)
}

// Body is what one kind of event says. Bodies are closed structs whose fields
// stand in the order of their JSON names.
type Body interface {
	// Kind returns the kind this body belongs to.
	Kind() Kind
	// check holds the body to what can be judged from it alone.
	check() error
	// subjects returns the artifacts and founding documents concerned.
	subjects() []ID
	// chains returns the chains advanced, signer being the signing key.
	chains(signer ID) []Advance
}

// KindRule is one row of the closed table of kinds (SPEC.md, Kinds).
type KindRule struct {
	Kind        Kind
	New         func() Body
	Signer      Class
	Uncertified bool    // signer.cert is absent
	Right       Right   // required right of the signer's certificate; "" see Who
	Who         string  // who may sign, in words
	Chains      string  // chains advanced, in words
	Basis       string  // required basis, in words; "" for none
	Details     []Field // fields that may be told in details
}

// Rule returns the row for kind.
func Rule(kind Kind) (*KindRule, bool) {
	r, ok := kinds[kind]
	return r, ok
}

// KindTable returns all rows in the table's order.
func KindTable() []*KindRule { return slices.Clone(kindTable) }

func (r *KindRule) allows(f Field) bool { return slices.Contains(r.Details, f) }

var kinds = func() map[Kind]*KindRule {
	m := make(map[Kind]*KindRule, len(kindTable))
	for _, r := range kindTable {
		m[r.Kind] = r
	}
	return m
}()

// Advances returns the chains that the statement's body says it advances.
func (p *Predicate) Advances() []Advance { return p.Body.chains(p.Signer.Key) }

var kindTable = []*KindRule{
	{Kind: KindGenesis, New: func() Body { return new(Genesis) }, Signer: ClassService, Uncertified: true,
		Who: "a service key of the log document", Chains: "log (founds)"},
	{Kind: KindTime, New: func() Body { return new(LogTime) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(log)"},
	{Kind: KindRecovered, New: func() Body { return new(LogRecovered) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "log"},
	{Kind: KindFounded, New: func() Body { return new(Founded) }, Signer: ClassPerson, Uncertified: true,
		Who: "a root key of the organisation document", Chains: "organisation (founds)"},
	{Kind: KindRequested, New: func() Body { return new(KeyRequested) }, Signer: ClassPerson, Uncertified: true,
		Who: "the key itself (proof of possession)", Chains: "key (founds), organisation", Details: []Field{FieldNote}},
	{Kind: KindCertified, New: func() Body { return new(KeyCertified) }, Signer: ClassPerson,
		Who: "a root key of the organisation, or a key of it with the right certify", Chains: "key, organisation",
		Basis: "the key.requested", Details: []Field{FieldNote}},
	{Kind: KindRevoked, New: func() Body { return new(KeyRevoked) }, Signer: ClassPerson,
		Who: "a root key of the organisation, or a key of it with the right certify", Chains: "key, organisation",
		Basis: "the key.certified", Details: []Field{FieldNote}},
	{Kind: KindStatus, New: func() Body { return new(OrgStatus) }, Signer: ClassPerson,
		Who: "a root key of the organisation, or a key of it with the right certify", Chains: "organisation", Details: []Field{FieldNote}},
	{Kind: KindCaseOpened, New: func() Body { return new(CaseOpened) }, Signer: ClassPerson, Right: RightInvestigate,
		Who: "a person of an organisation of class agency", Chains: "case (founds)", Details: []Field{FieldNote, FieldAuthority}},
	{Kind: KindRegistered, New: func() Body { return new(ItemRegistered) }, Signer: ClassPerson, Right: RightInvestigate,
		Who: "a person of the case's agency", Chains: "case, item (founds)",
		Details: []Field{FieldNote, FieldPlace, FieldAuthority, FieldCondition, FieldPossessor, FieldStoreRegister}},
	{Kind: KindDeposited, New: func() Body { return new(Deposited) }, Signer: ClassPerson,
		Who: "with the right investigate or examine: the parent's holder, or a grantee of the parent for a working copy or derivative; without a parent: a person of the case's agency with the right investigate", Chains: "case, item (founds)",
		Basis:   "with a parent: the event that gave the signer its custody, or the grant",
		Details: []Field{FieldNote, FieldFileName, FieldExaminer, FieldTool, FieldWriteBlocker, FieldSource, FieldErrors, FieldAuthority, FieldPlace}},
	{Kind: KindReceived, New: func() Body { return new(Received) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)", Basis: "the artifact.deposited"},
	{Kind: KindRefused, New: func() Body { return new(DepositRefused) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(parent item, else case)"},
	{Kind: KindFixityPassed, New: func() Body { return new(FixityPassed) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)"},
	{Kind: KindFixityFailed, New: func() Body { return new(FixityFailed) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)"},
	{Kind: KindFixityUnchecked, New: func() Body { return new(FixityUnchecked) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)"},
	{Kind: KindImageRead, New: func() Body { return new(ImageRead) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)", Basis: "the artifact.received",
		Details: []Field{FieldCaseNumber, FieldEvidenceNumber, FieldDescription, FieldExaminer, FieldNote, FieldTool, FieldSystem, FieldWriteBlocker, FieldMedium, FieldAcquired, FieldWritten}},
	{Kind: KindReleased, New: func() Body { return new(Released) }, Signer: ClassPerson,
		Who: "the holder of every item", Chains: "each item",
		Details: []Field{FieldNote, FieldPlace, FieldMethod, FieldRoadCertificate, FieldCondition, FieldAuthority}},
	{Kind: KindAccepted, New: func() Body { return new(Accepted) }, Signer: ClassPerson, Right: RightHold,
		Who: "the recipient named in the release", Chains: "each item accepted", Basis: "the custody.released of every item",
		Details: []Field{FieldNote, FieldPlace, FieldCondition, FieldStoreRegister}},
	{Kind: KindDeclined, New: func() Body { return new(Declined) }, Signer: ClassPerson, Right: RightHold,
		Who: "the recipient named in the release", Chains: "each item declined", Basis: "the custody.released of every item",
		Details: []Field{FieldNote, FieldPlace, FieldCondition}},
	{Kind: KindRecalled, New: func() Body { return new(Recalled) }, Signer: ClassPerson,
		Who: "the releaser", Chains: "each item recalled", Basis: "the custody.released of every item",
		Details: []Field{FieldNote, FieldPlace, FieldCondition}},
	{Kind: KindApproved, New: func() Body { return new(Approved) }, Signer: ClassPerson, Right: RightApprove,
		Who: "a second person of the organisation", Chains: "organisation", Details: []Field{FieldNote, FieldAuthority}},
	{Kind: KindAssumed, New: func() Body { return new(Assumed) }, Signer: ClassPerson, Right: RightHold,
		Who: "a person of the holder's organisation", Chains: "each item", Basis: "another person's act.approved for this act",
		Details: []Field{FieldNote, FieldPlace, FieldAuthority, FieldCondition}},
	{Kind: KindConfirmed, New: func() Body { return new(Confirmed) }, Signer: ClassPerson,
		Who: "the holder of every item", Chains: "each item",
		Details: []Field{FieldNote, FieldPlace, FieldCondition, FieldStoreRegister}},
	{Kind: KindDisposed, New: func() Body { return new(Disposed) }, Signer: ClassPerson,
		Who: "the holder of the item", Chains: "case, item", Basis: "another person's act.approved for this act",
		Details: []Field{FieldNote, FieldPlace, FieldAuthority, FieldMethod, FieldCondition}},
	{Kind: KindErased, New: func() Body { return new(Erased) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)", Basis: "the item.disposed, and the artifact.received"},
	{Kind: KindGranted, New: func() Body { return new(Granted) }, Signer: ClassPerson,
		Who: "scope bytes: the holder of every item; scope record: a person of the case's agency with the right investigate", Chains: "case, grant (founds)",
		Basis: "scope bytes: the event that gave the signer custody, of every item", Details: []Field{FieldNote, FieldAuthority, FieldPurpose}},
	{Kind: KindAccess, New: func() Body { return new(AccessRequested) }, Signer: ClassPerson,
		Who: "a grantee, or a person of the holder's organisation", Chains: "access(item, signer's key)",
		Basis: "the access.granted, or the event that gave the signer's organisation custody", Details: []Field{FieldNote, FieldPurpose}},
	{Kind: KindServed, New: func() Body { return new(Served) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(item)", Basis: "the access.requested"},
	{Kind: KindVerified, New: func() Body { return new(Verification) }, Signer: ClassPerson,
		Who: "the key that signed the access.requested", Chains: "access(item, signer's key)", Basis: "the access.requested",
		Details: []Field{FieldNote, FieldTool}},
	{Kind: KindOpinion, New: func() Body { return new(Opinion) }, Signer: ClassPerson, Right: RightExamine,
		Who: "for every item a grantee, or a person of an organisation that holds or held it", Chains: "case",
		Basis:   "for every item the access.granted, or the event that gave the signer's organisation custody, which may have ended since",
		Details: []Field{FieldNote, FieldOpinion, FieldMethod, FieldTool, FieldQualification}},
	{Kind: KindCorrected, New: func() Body { return new(Correction) }, Signer: ClassPerson,
		Who: "a person of the organisation whose event is corrected", Chains: "case", Basis: "the event corrected",
		Details: allFields},
	{Kind: KindReport, New: func() Body { return new(ReportIssued) }, Signer: ClassService, Uncertified: true,
		Who: "the service", Chains: "observations(case)"},
}
