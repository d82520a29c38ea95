package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/evidence-custody/custodyd/integration/stage"
)

// TestIdempotencyKeys: a request sent again under its own name has one effect,
// another one under the same name is refused, and names are each key's own.
func TestIdempotencyKeys(t *testing.T) {
	c := house(t)
	kase := c.Investigator.OpenCase(t)
	bearer, other := c.Investigator.Bearer(t, c.URL), c.Agency.Bearer(t, c.URL)
	ask := func(bearer, path, name, body string) (int, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(stage.Context(t), http.MethodPost, c.URL+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", name)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		if err := json.Unmarshal(b, &answer); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return res.StatusCode, answer
	}
	upload := fmt.Sprintf(`{"case":%q,"size":7}`, kase)
	_, first := ask(bearer, "/v1/uploads", "name-1", upload)
	if status, again := ask(bearer, "/v1/uploads", "name-1", upload); status/100 != 2 || first["id"] == nil || again["id"] != first["id"] {
		t.Errorf("again: %d %v, first %v", status, again, first)
	}
	if _, second := ask(bearer, "/v1/uploads", "name-2", upload); second["id"] == nil || second["id"] == first["id"] {
		t.Errorf("another name: %v", second)
	}
	if status, p := ask(bearer, "/v1/uploads", "name-1", fmt.Sprintf(`{"case":%q,"size":8}`, kase)); status != 422 || p["code"] != "idempotency-mismatch" {
		t.Errorf("another request under the same name: %d %v", status, p)
	}
	// What failed is forgotten.
	for range 2 {
		if status, p := ask(bearer, "/v1/uploads", "name-3", fmt.Sprintf(`{"case":%q,"size":7}`, c.Investigator.ID())); status != 404 {
			t.Errorf("no such case: %d %v", status, p)
		}
	}
	// A secret is told once.
	if status, i := ask(other, "/v1/invitations", "name-1", `{"purpose":"organisation"}`); status/100 != 2 || i["token"] == nil {
		t.Fatalf("invitation: %d %v", status, i)
	}
	if status, i := ask(other, "/v1/invitations", "name-1", `{"purpose":"organisation"}`); status != 409 || i["token"] != nil {
		t.Errorf("the invitation again: %d %v", status, i)
	}
	// A report, asked for by many at once under one name.
	ids := map[any]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			status, r := ask(bearer, "/v1/reports", "name-4", fmt.Sprintf(`{"case":%q}`, kase))
			mu.Lock()
			defer mu.Unlock()
			if status/100 == 2 {
				ids[r["id"]]++
			} else if r["code"] != "request-in-flight" {
				t.Errorf("report: %d %v", status, r)
			}
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("one request made %d reports", len(ids))
	}
}
