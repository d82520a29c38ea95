// Package desk is what one person does: it builds the statement of an act,
// verifies what the act is about, signs with the person's own key, stores the
// signed event before it is sent, and checks the receipt.
//
// Nothing is signed blind: an act on a case or an item is signed only after
// its dossier was verified under the person's own trust policy. Nothing is
// taken on the service's word: a receipt counts once its leaf is the sealed
// event, its inclusion proof and the checkpoint's signature hold, and the
// checkpoint continues every one this person has checked before.
//
// The command custody is a thin shell around it; a demonstration or a test
// plays people through the same code.
package desk
