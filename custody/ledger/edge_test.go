package ledger_test

import "testing"

// A replica that starts while another completes the newest tile reads the edge
// of the size that it began with.
func TestEdgeOfATileCompletedSince(t *testing.T) {
	ctx := testContext(t)
	l, _, s := scene(t)
	appendCases(t, l, s, 256)
	for _, size := range []uint64{255, 253, 129, 1} {
		n, root, err := l.EdgeAt(ctx, size)
		if err != nil || n != int(size) {
			t.Errorf("the edge of %d leaves has %d: %v", size, n, err)
			continue
		}
		if want, err := l.RootAt(ctx, size); err != nil || root != want {
			t.Errorf("the edge of %d leaves has another root: %v", size, err)
		}
	}
}
