package bench

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what CIS1 takes
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"nhos.org/nhos/internal/identity/agent"
	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/card/wire"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// The names that this program goes by in a soak's folder, and its files there.
const (
	agentName  = "soaked-agent"
	engineName = "played-card"
	policyFile = "policy.toml"
	cardFile   = "card.json"
	doorSocket = "agent.socket"
	handSocket = "hand.socket"

	cardIn  = 'i'
	cardOut = 'o'
)

// shortAbsence is how long a card of a soak is away until it counts as pulled.
const shortAbsence = time.Millisecond

// Play is one of a benchmark's processes where the program was started as one, and doesn't return then. A program that
// calls Run or Soak calls it first of all.
func Play() {
	folder := filepath.Dir(os.Args[0])
	var err error
	switch filepath.Base(os.Args[0]) {
	case agentName:
		err = playAgent(folder)
	case engineName:
		err = playCard(folder)
	case callerName:
		err = playCaller(os.Args[1])
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+": error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// playAgent is the agent. Each line of its standard input is answered by figures; their end is its end.
func playAgent(folder string) error {
	p, err := policy.Load(filepath.Join(folder, policyFile))
	if err != nil {
		return err
	}
	l, err := ticket.Listen(filepath.Join(folder, doorSocket))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			debug.FreeOSMemory() // and a collection
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if json.NewEncoder(os.Stdout).Encode(sample{Goroutines: runtime.NumGoroutine(), HeapKiB: int(m.HeapAlloc / 1024)}) != nil {
				return
			}
		}
	}()
	return agent.Run(ctx, agent.Options{
		Policy: p, Version: "soak", Listener: l, Audit: &ticket.Lines{W: io.Discard}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Engine: filepath.Join(folder, engineName), Bus: "unix:path=" + filepath.Join(folder, "no-bus"), Absence: shortAbsence,
	})
}

// playedCard is a process that holds no driver, but says what one would, of one reader and its card.
type playedCard struct {
	shown card.Card
	key   *rsa.PrivateKey

	mu      sync.Mutex // of what is sent, and of what follows
	inside  bool
	visits  int
	reports io.Writer
}

func playCard(folder string) error {
	virtual, err := virtualcard.LoadCard(filepath.Join(folder, cardFile))
	if err != nil {
		return err
	}
	c := &playedCard{key: virtual.PrivateKey(virtualcard.SlotAuthentication), reports: os.Stdout}
	c.shown = card.Card{
		Label: "played", Manufacturer: "piv_II", Model: "PKCS#15 emulated", Serial: "1", MinPasscode: 4, MaxPasscode: 8, TriesLeft: card.Unknown,
		Certificates: []card.Certificate{{KeyID: []byte{1}, DER: virtual.Certificate(virtualcard.SlotAuthentication).Raw, Slot: "9A"}},
	}
	hand, err := net.Listen("unix", filepath.Join(folder, handSocket))
	if err != nil {
		return err
	}
	go c.follow(hand)
	for {
		var o card.Order
		passcode, err := wire.Receive(os.Stdin, &o)
		if err != nil {
			return nil // the agent has ended
		}
		report := card.Report{Number: o.Number}
		if o.Sign != nil {
			var fault error
			if string(passcode.Reveal()) != stage.Passcode {
				fault = &card.PasscodeError{Left: card.Unknown}
			} else {
				report.Signature, fault = c.sign(*o.Sign)
			}
			report.Failure = card.NewFailure(fault)
		}
		passcode.Wipe()
		if o.Open != nil {
			c.show(false)
		}
		c.mu.Lock()
		err = wire.Send(c.reports, report, nil)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// follow moves the card as the hand says.
func (c *playedCard) follow(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	letter := make([]byte, 1)
	for {
		if _, err := conn.Read(letter); err != nil {
			return
		}
		c.show(letter[0] == cardIn)
	}
}

// show reports the reader with the card or without.
func (c *playedCard) show(inside bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reader := card.Reader{Name: "Played"}
	if inside && !c.inside {
		c.visits++
	}
	if c.inside = inside; inside {
		shown := c.shown
		shown.ID = card.ID(fmt.Sprintf("visit-%d", c.visits))
		reader.Card = &shown
	}
	_ = wire.Send(c.reports, card.Report{Readers: []card.Reader{reader}}, nil)
}

func (c *playedCard) sign(o card.SignOrder) ([]byte, error) {
	if o.Digest == card.SHA256 {
		digest := sha256.Sum256(o.Content)
		return rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest[:])
	}
	digest := sha1.Sum(o.Content) //nolint:gosec // what CIS1 takes
	return rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA1, digest[:])
}
