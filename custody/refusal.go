package custody

import "fmt"

// A Refusal says that a statement, document or act breaks a named rule. The
// same rule names appear in the API's answers, in the verifier's findings and
// in SPEC.md.
type Refusal struct {
	Rule   string // stable name, e.g. "custody.not-holder"
	Field  string // where: a JSON path such as "predicate.body.items[0]", or ""
	Detail string // what is wrong and what to do, in plain words
}

func (r *Refusal) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", r.Rule, r.Detail)
	}
	return fmt.Sprintf("%s (%s): %s", r.Rule, r.Field, r.Detail)
}

// Refuse makes a Refusal.
func Refuse(rule, field, format string, args ...any) *Refusal {
	return &Refusal{Rule: rule, Field: field, Detail: fmt.Sprintf(format, args...)}
}
