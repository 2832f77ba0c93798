package guest

import (
	"encoding/json"
	"io"
	"time"
)

// The kinds of requests.
const (
	AskRun      = "run"      // a command line for /bin/sh, as root unless AsUser is set; exit status 0 passes
	AskOpen     = "open"     // a program is started in the session of the desktop's user, when that is there
	AskUnit     = "unit"     // a unit of systemd is active
	AskProcess  = "process"  // a process of this name runs
	AskFile     = "file"     // a path exists
	AskPort     = "port"     // something listens on a TCP port
	AskFacts    = "facts"    // what the guest knows of its machine now
	AskChecks   = "checks"   // the medium's checks, after the boot; each is told in a message before the answer
	AskBoot     = "boot"     // the boot has come to its end
	AskJournal  = "journal"  // told in messages before the answer
	AskRestart  = "restart"  // answered before it is done
	AskPowerOff = "poweroff" // answered before it is done
	AskEnd      = "end"      // the program ends
)

// A Request is one line to a guest that serves: one thing to do, or to wait for. The field that is called like its kind
// says what.
type Request struct {
	ID      int    `json:"id"`      // filled in by [Conversation.Ask], like Session
	Session string `json:"session"` // of the hello; a guest that started anew since leaves the request alone
	Kind    string `json:"kind"`
	Run     string `json:"run,omitempty"`
	Unit    string `json:"unit,omitempty"`
	Process string `json:"process,omitempty"`
	File    string `json:"file,omitempty"`
	Port    int    `json:"port,omitempty"`
	// Open is a program and its arguments.
	Open []string `json:"open,omitempty"`
	// AsUser has a command run as the desktop's user, in that user's session.
	AsUser bool `json:"as_user,omitempty"`
	// Within is how long it may take to become true. A command is run once, and may take as long as that (zero is a
	// minute), unless Until is set: then it is tried again until it passes.
	Within time.Duration `json:"within_ns,omitempty"`
	Until  bool          `json:"until,omitempty"`
	// Absent turns it round: the command fails, the unit isn't active, no such process or file is there, nothing listens.
	Absent bool `json:"absent,omitempty"`
}

// An Answer is what came of a request.
type Answer struct {
	ID       int           `json:"id"` // of the request
	Passed   bool          `json:"passed"`
	Output   string        `json:"output"` // of the last try; bounded
	Tries    int           `json:"tries"`
	Duration time.Duration `json:"duration_ns"`
	Status   int           `json:"status"`          // exit status of a command, -1 if it has none
	Facts    *Facts        `json:"facts,omitempty"` // for [AskFacts]
	Boot     *Boot         `json:"boot,omitempty"`  // for [AskBoot]
	// Unable says why this guest can't be asked that; the request has neither passed nor failed then.
	Unable string `json:"unable,omitempty"`
}

// maxRequest bounds a request's line, in bytes.
const maxRequest = 1 << 20

// requests reads what the host asks.
type requests struct{ in lines }

// next returns the next request of a session. Lines that are none were cut off by a restart, and requests of another
// session were meant for the guest before it.
func (r requests) next(session string) (Request, error) {
	for {
		line, err := r.in.next()
		if err != nil {
			return Request{}, err
		}
		var request Request
		if json.Unmarshal(line, &request) == nil && request.Kind != "" && request.Session == session {
			return request, nil
		}
	}
}

// patient reads from a virtio-serial port, which is at its end while QEMU hasn't said yet that somebody is there.
type patient struct{ io.Reader }

func (p patient) Read(b []byte) (int, error) {
	for {
		n, err := p.Reader.Read(b)
		if n > 0 || err != io.EOF {
			return n, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}
