package spinesim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// maxChallenges is how many can be open. Whoever asks for more pushes the oldest out.
const maxChallenges = 10_000

// A challenge is 48 bytes as the Spine's are: 20 random ones, the time in milliseconds, and a proof of both.
type challenge struct {
	bytes     []byte
	signature string
	expires   time.Time
}

// challenges are those that were given out and not answered yet, by their text.
type challenges struct {
	key  []byte
	life time.Duration

	mutex sync.Mutex
	open  map[string]challenge
	order []string // texts, the oldest first; may have some that are answered
}

func newChallenges(key []byte, life time.Duration) *challenges {
	return &challenges{key: key, life: life, open: map[string]challenge{}}
}

func (c *challenges) issue(now time.Time) (text, signature string) {
	b := make([]byte, 28, 48)
	_, _ = rand.Read(b[:20])
	binary.BigEndian.PutUint64(b[20:], uint64(now.UnixMilli())) //nolint:gosec // after 1970
	b = append(b, c.proof(b)...)
	text = base64.StdEncoding.EncodeToString(b)
	signature = base64.StdEncoding.EncodeToString(c.proof(b))

	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.open[text] = challenge{b, signature, now.Add(c.life)}
	c.order = append(c.order, text)
	for len(c.order) > 0 && (len(c.open) > maxChallenges || len(c.order) > 2*maxChallenges || !c.alive(c.order[0], now)) {
		delete(c.open, c.order[0])
		c.order = c.order[1:]
	}
	return text, signature
}

func (c *challenges) proof(b []byte) []byte {
	h := hmac.New(sha1.New, c.key)
	h.Write(b)
	return h.Sum(nil)
}

// alive says whether a challenge is open and not too old.
func (c *challenges) alive(text string, now time.Time) bool {
	found, ok := c.open[text]
	return ok && now.Before(found.expires)
}

// redeem takes a challenge, which can't be used again whatever comes of it.
func (c *challenges) redeem(text, signature string, now time.Time) (bytes []byte, ok bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := c.open[text]
	alive := c.alive(text, now)
	delete(c.open, text)
	return found.bytes, alive && hmac.Equal([]byte(found.signature), []byte(signature))
}
