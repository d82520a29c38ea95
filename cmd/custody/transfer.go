package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evidence-custody/custodyd/cmd/custody/desk"
	"github.com/evidence-custody/custodyd/custody"
	"github.com/evidence-custody/custodyd/evidence"
)

// sealFlags say what was found on the items at a handover.
type sealFlags struct {
	seals []string
	state string
}

func (s *sealFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.seals, "seal", nil, "number of a seal found on the item, if other than on record (one item only)")
	cmd.Flags().StringVar(&s.state, "seal-state", "", "intact, broken or none (default: intact, where the seals are those on record)")
}

func (s *sealFlags) handing(items []evidence.Digest) ([]desk.Handing, error) {
	if len(s.seals) > 0 && len(items) != 1 {
		return nil, usagef("--seal is for one item at a time")
	}
	var out []desk.Handing
	for _, id := range items {
		h := desk.Handing{Item: id, State: custody.SealState(s.state), Seals: sealNumbers(s.seals)}
		if custody.SealState(s.state) == custody.SealNone {
			h.Seals = []custody.SealNumber{}
		}
		out = append(out, h)
	}
	return out, nil
}

// acting is a command that signs one event about items.
func (a *app) acting(use, short, done string, kind custody.Kind, do func(context.Context, *desk.Desk, []evidence.Digest, desk.Telling) (desk.Recorded, error)) *cobra.Command {
	var telling tellingFlags
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			items, err := resolveItems(cmd.Context(), d, args)
			if err != nil {
				return err
			}
			r, err := do(cmd.Context(), d, items, told)
			if err != nil {
				return err
			}
			return a.print(r, recordedWords(done, r))
		}}
	telling.register(cmd, kind)
	return cmd
}

func purposeWords() string {
	var words []string
	for _, p := range custody.Purposes() {
		words = append(words, string(p))
	}
	return strings.Join(words, ", ")
}

func parsePurpose(s string) (custody.Purpose, error) {
	if !slices.Contains(custody.Purposes(), custody.Purpose(s)) {
		return "", usagef("--purpose %q: one of %s", s, purposeWords())
	}
	return custody.Purpose(s), nil
}

func (a *app) releaseCommand() *cobra.Command {
	var to, purpose string
	var seals sealFlags
	cmd := a.acting("release ITEM...", "Release items that you hold to somebody else", "released", custody.KindReleased,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			recipient, err := parseRecipient(to)
			if err != nil {
				return desk.Recorded{}, err
			}
			why, err := parsePurpose(purpose)
			if err != nil {
				return desk.Recorded{}, err
			}
			handing, err := seals.handing(items)
			if err != nil {
				return desk.Recorded{}, err
			}
			return d.Release(ctx, desk.Release{Items: handing, To: recipient, Purpose: why, Telling: told})
		})
	cmd.Long = "Release items to an organisation, or one person of it. Their dossiers are verified first. You stay\nanswerable until the other side accepts, and may recall until then."
	cmd.Flags().StringVar(&to, "to", "", "recipient: ORGANISATION or ORGANISATION/PERSON")
	cmd.Flags().StringVar(&purpose, "purpose", "", purposeWords())
	seals.register(cmd)
	return examples(required(cmd, "to", "purpose"), "custody release ITEM --to ORG/PERSON --purpose storage --detail roadCertificate=112/26")
}

func (a *app) acceptCommand() *cobra.Command {
	var seals sealFlags
	cmd := a.acting("accept ITEM...", "Accept items that were released to you; you then hold them", "accepted", custody.KindAccepted,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			handing, err := seals.handing(items)
			if err != nil {
				return desk.Recorded{}, err
			}
			return d.Accept(ctx, desk.Acceptance{Items: handing, Telling: told})
		})
	cmd.Long = "Accept items. Their dossiers are verified first. Items of the release that you do not name stay in\ntransit. Check the seals: what you sign is what you found."
	seals.register(cmd)
	return examples(cmd, "custody accept ITEM", `custody accept ITEM --seal A-0041 --seal-state broken --detail condition="seal torn"`)
}

func (a *app) declineCommand() *cobra.Command {
	var reason string
	cmd := a.acting("decline ITEM...", "Decline items that were released to you", "declined", custody.KindDeclined,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			return d.Decline(ctx, desk.Declination{Items: items, Reason: custody.DeclineReason(reason), Telling: told})
		})
	cmd.Flags().StringVar(&reason, "reason", "", "seal, mismatch, authority or other")
	return examples(required(cmd, "reason"), "custody decline ITEM --reason seal")
}

func (a *app) recallCommand() *cobra.Command {
	cmd := a.acting("recall ITEM...", "Take back items that you released and nobody accepted", "recalled", custody.KindRecalled,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			return d.Recall(ctx, desk.Recalling{Items: items, Telling: told})
		})
	return examples(cmd, "custody recall ITEM")
}

func (a *app) confirmCommand() *cobra.Command {
	var telling tellingFlags
	cmd := &cobra.Command{Use: "confirm ITEM...", Short: "Sign how far the record of items that you hold goes", Args: cobra.MinimumNArgs(1),
		Long: "Sign that the record of items you hold, as you verified it, goes up to its present end. Their dossiers\nare fetched and verified first. Custody stays as it is. From then on, nobody can show a shorter or\nanother record of these items without contradicting your signature; reports say \"complete to seq N\naccording to\" you.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > custody.MaxConfirmed {
				return usagef("%d items: at most %d at a time", len(args), custody.MaxConfirmed)
			}
			told, err := telling.telling()
			if err != nil {
				return err
			}
			d, err := a.desk(cmd.Context(), want{policy: true})
			if err != nil {
				return err
			}
			items, err := resolveItems(cmd.Context(), d, args)
			if err != nil {
				return err
			}
			r, err := d.Confirm(cmd.Context(), desk.Confirmation{Items: items, Telling: told})
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) {
				recorded(w, r.Recorded, "confirmed")
				for _, it := range r.Items {
					fmt.Fprintf(w, "item %s  to seq %d, leaf %s\n", it.Item.Short(), it.Seq, it.Head)
				}
			})
		}}
	telling.register(cmd, custody.KindConfirmed)
	return examples(cmd, "custody confirm ITEM", `custody confirm ITEM ITEM --detail storeRegister="Shelf 4, page 112"`)
}

func (a *app) approveCommand() *cobra.Command {
	var whom, action string
	cmd := a.acting("approve ITEM...", "Consent to another person's assumption of custody, or disposal", "approved", custody.KindApproved,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			party, err := parseParty("--for", whom)
			if err != nil {
				return desk.Recorded{}, err
			}
			approved, ok := map[string]custody.ApprovedAction{"assume": custody.ActionAssume, "dispose": custody.ActionDispose}[action]
			if !ok {
				return desk.Recorded{}, usagef("--action %q is neither assume nor dispose", action)
			}
			if approved == custody.ActionDispose && len(items) != 1 {
				return desk.Recorded{}, usagef("each disposal is approved by itself: name one item")
			}
			return d.Approve(ctx, desk.Approval{Items: items, For: party, Action: approved, Telling: told})
		})
	cmd.Flags().StringVar(&whom, "for", "", "ORGANISATION/PERSON who will do it")
	cmd.Flags().StringVar(&action, "action", "assume", "what they will do: assume or dispose")
	return examples(required(cmd, "for"), "custody approve ITEM --for ORG/PERSON", "custody approve ITEM --action dispose --for ORG/PERSON")
}

func (a *app) disposeCommand() *cobra.Command {
	var approval, authority, method string
	cmd := a.acting("dispose ITEM", "Dispose of an item that you hold, by order; it cannot be undone", "disposed", custody.KindDisposed,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			if len(items) != 1 {
				return desk.Recorded{}, usagef("each disposal is an act of its own: name one item")
			}
			id, err := parseID("--approval", approval)
			if err != nil {
				return desk.Recorded{}, err
			}
			return d.Dispose(ctx, desk.Disposal{Item: items[0], Approval: id, Authority: custody.DisposalAuthority(authority),
				Method: custody.DisposalMethod(method), Telling: told})
		})
	cmd.Long = "Dispose of an item, with another person's approval (custody approve --action dispose). Its dossier is\nverified first. Nothing can be done to the item afterwards. Of a deposited image, the service destroys the\nkey that its stored bytes are encrypted under and records that; what was stored in plain is not erased.\nCopies that were handed out, and backups, are out of its reach. Tell the order's words: --detail authority=...;\ndeposit its scan beforehand (custody put), and name its SHA-256 there."
	cmd.Flags().StringVar(&approval, "approval", "", "leaf hash of the other person's approval (leafHash in its --json)")
	cmd.Flags().StringVar(&authority, "authority", "", "court-order, law or superior")
	cmd.Flags().StringVar(&method, "method", "", "returned or destroyed; of a deposited image always key-destroyed")
	return examples(required(cmd, "approval", "authority"), `custody dispose ITEM --approval LEAF --authority court-order --detail authority="Order of the Sessions Court, 12/2026"`,
		"custody dispose ITEM --approval LEAF --authority court-order --method returned")
}

func (a *app) assumeCommand() *cobra.Command {
	var approval, authority string
	var seals sealFlags
	cmd := a.acting("assume ITEM...", "Assume custody where the holder cannot sign; always shown as a gap", "assumed", custody.KindAssumed,
		func(ctx context.Context, d *desk.Desk, items []evidence.Digest, told desk.Telling) (desk.Recorded, error) {
			id, err := parseID("--approval", approval)
			if err != nil {
				return desk.Recorded{}, err
			}
			handing, err := seals.handing(items)
			if err != nil {
				return desk.Recorded{}, err
			}
			return d.Assume(ctx, desk.Assumption{Items: handing, Approval: id, Authority: custody.AssumedAuthority(authority), Telling: told})
		})
	cmd.Flags().StringVar(&approval, "approval", "", "leaf hash of the other person's approval (leafHash in its --json)")
	cmd.Flags().StringVar(&authority, "authority", "", "absence, death, removal or order")
	seals.register(cmd)
	return examples(required(cmd, "approval", "authority"), "custody assume ITEM --approval LEAF --authority absence")
}

func recorded(w io.Writer, r desk.Recorded, what string) { recordedWords(what, r)(w) }
