package bench

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Play()
	os.Exit(m.Run())
}

// TestNothingGrows is a short soak: what an insertion, a login or a ticket leaves behind each time shows in it.
func TestNothingGrows(t *testing.T) {
	const cycles = 250
	g, err := Soak(t.Context(), cycles)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range g.rows("") {
		t.Logf("%s: %+g %s", row.Figure, row.Value, row.Unit)
		if !row.Met() {
			t.Errorf("%s: %g %s more than after a fifth of %d cycles", row.Figure, row.Value, row.Unit, cycles)
		}
	}
}
