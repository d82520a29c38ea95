package custody

// ItemsOf lists the items that a body is about, in its order. The item of a
// deposit.refused may be a case: what the deposit was about.
func ItemsOf(b Body) []ID {
	switch b := b.(type) {
	case *ItemRegistered:
		return []ID{b.Item}
	case *Deposited:
		return []ID{b.Item}
	case *Received:
		return []ID{b.Item}
	case *DepositRefused:
		return []ID{b.About}
	case *Released:
		return handedIDs(b.Items)
	case *Accepted:
		return handedIDs(b.Items)
	case *Declined:
		return b.Items
	case *Recalled:
		return b.Items
	case *Approved:
		return b.Items
	case *Assumed:
		return handedIDs(b.Items)
	case *Confirmed:
		return b.Items
	case *Disposed:
		return []ID{b.Item}
	case *Erased:
		return []ID{b.Item}
	case *Granted:
		return b.Items
	case *AccessRequested:
		return []ID{b.Item}
	case *FixityPassed:
		return []ID{b.Item}
	case *FixityFailed:
		return []ID{b.Item}
	case *FixityUnchecked:
		return []ID{b.Item}
	case *ImageRead:
		return []ID{b.Item}
	case *Served:
		return []ID{b.Item}
	case *Verification:
		return []ID{b.Item}
	case *Opinion:
		return b.Items
	case *ReportIssued:
		return b.Items
	}
	return nil
}

// HeadsOf lists the checkpoints of its own log that a statement commits to: the
// one its signer saw, and the one that a log.time timestamps.
func HeadsOf(p *Predicate) []Seen {
	if b, ok := p.Body.(*LogTime); ok && b.Checkpoint() != p.Seen {
		return []Seen{p.Seen, b.Checkpoint()}
	}
	return []Seen{p.Seen}
}

// FoundingOf names the case, item, person and grant documents and manifests that an event of
// this body introduces, each with its type. Log, organisation and key documents
// are public and not among them.
func FoundingOf(b Body) map[ID]DocumentType {
	switch b := b.(type) {
	case *CaseOpened:
		return map[ID]DocumentType{b.Case: DocCase}
	case *ItemRegistered:
		out := map[ID]DocumentType{b.Item: DocItem, b.SeizedBy.Person: DocPerson}
		for _, w := range b.Witnesses {
			out[w] = DocPerson
		}
		return out
	case *Deposited:
		if b.Segments != nil {
			return map[ID]DocumentType{b.Item: DocItem, b.Artifact.SHA256: DocManifest}
		}
		return map[ID]DocumentType{b.Item: DocItem}
	case *KeyRequested:
		return map[ID]DocumentType{b.Person: DocPerson}
	case *Granted:
		return map[ID]DocumentType{b.Grant: DocGrant}
	}
	return nil
}
