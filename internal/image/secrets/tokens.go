package secrets

import (
	"bytes"
	"regexp"
)

// A rule is a secret that begins with one of some words.
type rule struct {
	words   []string // of four characters and more, so that they are found fast
	pattern *regexp.Regexp
	kind    Kind
	what    string
	// inside allows a letter or digit right before it.
	inside bool
	judge  func(match []byte) bool
}

// tokenRules are what is looked for in every file.
var tokenRules = []rule{
	{
		words: []string{"-----BEGIN "}, kind: PrivateKey, what: "a private key", inside: true, judge: privatePEM,
		// The body may be folded, indented, or one string with \n in it, as in JSON.
		pattern: re(`^-----BEGIN ((?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?)-----(?:\s|\\n|\\r)+(?:(?:[A-Za-z-]+: [^\n\\]*|=[A-Za-z0-9+/]{4})?(?:\s|\\n|\\r)+)*[A-Za-z0-9+/=]{32}`),
	},
	{
		words: []string{"PuTTY-User-Key-File-"}, kind: PrivateKey, what: "a private key of PuTTY's", inside: true,
		pattern: re(`^PuTTY-User-Key-File-[0-9]: `),
	},
	{
		words: []string{"SSH PRIVATE KEY FILE FORMAT 1.1\n\x00"}, kind: PrivateKey, what: "a private key of SSH 1", inside: true,
		pattern: re(`^SSH PRIVATE`),
	},
	{words: []string{"AGE-SECRET-KEY-1"}, kind: PrivateKey, what: "a private key of age's", pattern: re(`^AGE-SECRET-KEY-1[A-Z0-9]{58}`)},

	{words: []string{"AKIA", "ASIA", "ABIA", "ACCA"}, kind: Token, what: "an access key of AWS", pattern: re(`^A[KSBC][IC]A[A-Z2-7]{16}\b`)},
	{words: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, kind: Token, what: "a token of GitHub's", pattern: re(`^gh[pousr]_[A-Za-z0-9]{36,255}\b`)},
	{words: []string{"github_pat_"}, kind: Token, what: "a token of GitHub's", pattern: re(`^github_pat_[A-Za-z0-9_]{40,255}\b`)},
	{words: []string{"glpat-"}, kind: Token, what: "a token of GitLab's", pattern: re(`^glpat-[A-Za-z0-9_-]{20,100}`)},
	{words: []string{"xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"}, kind: Token, what: "a token of Slack's", pattern: re(`^xox[abeoprs]-[0-9A-Za-z]{8,}-[0-9A-Za-z-]{10,250}`)},
	{words: []string{"xapp-"}, kind: Token, what: "a token of Slack's", pattern: re(`^xapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[0-9a-z]{30,}`)},
	{words: []string{"hooks.slack.com/services/"}, kind: Token, what: "a webhook of Slack's", inside: true, pattern: re(`^hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}`)},
	{words: []string{"AIza"}, kind: Token, what: "an API key of Google's", pattern: re(`^AIza[0-9A-Za-z_-]{35}(?:[^0-9A-Za-z_-]|$)`)},
	{words: []string{"GOCSPX-"}, kind: Token, what: "a client secret of Google's", pattern: re(`^GOCSPX-[0-9A-Za-z_-]{28}`)},
	{words: []string{"ya29."}, kind: Token, what: "an access token of Google's", pattern: re(`^ya29\.[0-9A-Za-z_-]{40,}`)},
	{words: []string{"AccountKey="}, kind: Token, what: "an account key of Azure", pattern: re(`^AccountKey=[A-Za-z0-9+/]{86}==`)},
	{words: []string{"SharedAccessKey="}, kind: Token, what: "an access key of Azure", pattern: re(`^SharedAccessKey=[A-Za-z0-9+/]{43}=`)},
	{words: []string{"npm_"}, kind: Token, what: "a token of npm's", pattern: re(`^npm_[A-Za-z0-9]{36}\b`)},
	{words: []string{"pypi-AgE"}, kind: Token, what: "a token of PyPI's", pattern: re(`^pypi-AgE[A-Za-z0-9_-]{50,}`)},
	{words: []string{"dckr_pat_"}, kind: Token, what: "a token of Docker's", pattern: re(`^dckr_pat_[A-Za-z0-9_-]{20,}`)},
	{words: []string{"sk_live_", "rk_live_"}, kind: Token, what: "a key of Stripe's", pattern: re(`^[sr]k_live_[A-Za-z0-9]{20,}`)},
	{words: []string{"hvs."}, kind: Token, what: "a token of Vault's", pattern: re(`^hvs\.[A-Za-z0-9_-]{60,}`)},
	{words: []string{"eyJh", "eyJ0", "eyJr", "eyJj", "eyJl", "eyJq", "eyJ4"}, kind: Token, what: "a JSON web token", pattern: re(`^eyJ[A-Za-z0-9_-]{12,}\.eyJ[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{32,}`)},
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

var anchors, anchorRules = func() (*search, []int) {
	var words []string
	var rules []int
	for i, r := range tokenRules {
		for _, w := range r.words {
			words, rules = append(words, w), append(rules, i)
		}
	}
	return newSearch(words), rules
}()

// tokens looks for what has an unmistakable beginning. What begins before from was judged earlier.
// b begins on line first, or on none (0).
func (s *Scanner) tokens(b []byte, from, first int) {
	anchors.each(b, func(pos, word int) {
		r := &tokenRules[anchorRules[word]]
		if pos < from || !r.inside && pos > 0 && isWord(b[pos-1]) {
			return
		}
		m := r.pattern.Find(b[pos:min(len(b), pos+overlap)])
		if m == nil || r.judge != nil && !r.judge(m) {
			return
		}
		what := r.what
		if r.kind == Token {
			if !random(m[len(anchors.all[word]):]) {
				return
			}
			what += ", " + shown(m)
		}
		s.add(r.kind, lineAt(b, pos, first), "%s", what)
	})
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// random says whether b has the variety of what a machine chose: "xxxxxxxx" and "EXAMPLE" don't.
func random(b []byte) bool {
	if bytes.Contains(bytes.ToUpper(b), []byte("EXAMPLE")) {
		return false
	}
	var seen [256]bool
	n := 0
	for _, c := range b {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n >= 8
}

// shown is the beginning of a token: the part that tells its kind, by which a person finds it.
func shown(m []byte) string { return string(m[:4]) + "…" }

// privatePEM leaves out keys whose bodies are no key: one character again and again.
func privatePEM(m []byte) bool { return random(m[max(0, len(m)-32):]) }
