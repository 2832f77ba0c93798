package card_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// spy is SoftHSM's module, which also writes down how it is used.
const spy = `#include <dlfcn.h>
#include <stdio.h>
typedef unsigned long ul;
static struct list { unsigned char version[2]; void *functions[68]; } ours, *theirs;
enum { INITIALIZE, FINALIZE, OPEN_SESSION = 12, CLOSE_SESSION };
static void note(const char *what) { FILE *f = fopen("NOTES", "a"); if (f) { fprintf(f, "%s\n", what); fclose(f); } }
static ul initialize(void *a) { note("initialize"); return ((ul (*)(void *))theirs->functions[INITIALIZE])(a); }
static ul finalize(void *a) { note("finalize"); return ((ul (*)(void *))theirs->functions[FINALIZE])(a); }
static ul open_session(ul slot, ul flags, void *a, void *b, ul *session) {
	note(flags & 2 ? "open to write" : "open");
	return ((ul (*)(ul, ul, void *, void *, ul *))theirs->functions[OPEN_SESSION])(slot, flags, a, b, session);
}
static ul close_session(ul session) { note("close"); return ((ul (*)(ul))theirs->functions[CLOSE_SESSION])(session); }
ul C_GetFunctionList(struct list **out) {
	if (theirs == NULL) {
		ul (*get)(struct list **) = dlsym(dlopen("MODULE", RTLD_NOW), "C_GetFunctionList");
		get(&theirs);
		ours = *theirs;
		ours.functions[INITIALIZE] = initialize, ours.functions[FINALIZE] = finalize;
		ours.functions[OPEN_SESSION] = open_session, ours.functions[CLOSE_SESSION] = close_session;
	}
	*out = &ours;
	return 0;
}
`

// A driver is loaded once, however many people sign in; sessions are read-only, and each signature's is closed.
func TestHowADriverIsUsed(t *testing.T) {
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "123456")
	token.Hold(t, "01", virtual, virtualcard.SlotAuthentication)
	notes := filepath.Join(t.TempDir(), "notes")
	module := compile(t, strings.NewReplacer("NOTES", notes, "MODULE", cardtest.SoftHSM).Replace(spy))
	w := start(t, card.Options{Modules: []string{module}, Environ: token.Environ()})
	c := w.untilCards(1)[0]
	for range 3 {
		signature, err := w.sign(c, "123456")
		if err != nil {
			t.Fatal(err)
		}
		verify(t, virtual, signature)
	}
	text, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(text)) {
		count[strings.TrimSpace(line)]++
	}
	// One session is kept: it ends with the card.
	want := map[string]int{"initialize": 1, "open": 4, "close": 3}
	for _, what := range []string{"initialize", "finalize", "open", "open to write", "close"} {
		if count[what] != want[what] {
			t.Errorf("%s: %d times, want %d", what, count[what], want[what])
		}
	}
}
