package registrar

import (
	"context"
	"encoding/json"
	"time"

	"github.com/evidence-custody/custodyd/custody/ledger/docket"
	"github.com/evidence-custody/custodyd/evidence"
)

// onceKept is how long an idempotent request is remembered; one whose replica
// died before its answer may be sent again after that.
const onceKept = time.Hour

// once carries out a request that carries a name of the caller's own at most
// once (see IdempotencyKey); again says that the answer is the kept one. What
// failed is forgotten, and may be tried again under the same name.
func once[T any](ctx context.Context, r *Registrar, c Caller, name IdempotencyKey, request any, do func() (T, error)) (answer T, again bool, err error) {
	if name == "" {
		answer, err = do()
		return answer, false, err
	}
	for i := 0; i < len(name); i++ {
		if name[i] < 0x20 || name[i] > 0x7e || i >= 128 {
			return answer, false, &Malformed{Rule: "idempotency.key", Field: "Idempotency-Key", Message: "1 to 128 printable ASCII characters"}
		}
	}
	asked, err := json.Marshal(request)
	if err != nil {
		return answer, false, err
	}
	kept, started, err := r.ledger.BeginRequest(ctx, docket.Request{Key: c.Key, Name: string(name), Digest: evidence.Sum(asked), Expires: r.now().Add(onceKept)})
	switch {
	case err != nil:
		return answer, false, fault("ledger", err)
	case !started && kept.Digest != evidence.Sum(asked):
		return answer, true, &Conflict{Code: CodeIdempotencyMismatch, Message: "the Idempotency-Key was used for another request"}
	case !started && kept.Answer == nil:
		return answer, true, &Conflict{Code: CodeInFlight, Message: "the same request is being carried out"}
	case !started:
		return answer, true, json.Unmarshal(kept.Answer, &answer)
	}
	answer, err = do()
	var keep []byte
	if err == nil {
		keep, err = json.Marshal(answer)
	}
	// Whether the caller still listens or not, the outcome is remembered.
	if ended := r.ledger.EndRequest(context.WithoutCancel(ctx), c.Key, string(name), keep); ended != nil && err == nil {
		r.log.WarnContext(ctx, "couldn't keep the answer of an idempotent request", "error", ended)
	}
	return answer, false, err
}
