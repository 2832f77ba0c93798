package archivetest

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Fault is what the server does wrong.
type Fault int

// The faults.
const (
	Missing   Fault = iota // 404
	Busy                   // 503
	Truncated              // the first half of the file, as if that were all
	Altered                // one bit of the file is another
	Dropped                // the connection ends in the middle of the file
	Stalled                // nothing comes after the first half
	Silent                 // nothing comes at all, not even a header
)

// Always is for [Archive.Break].
const Always = -1

type fault struct {
	path  string
	kind  Fault
	times int
}

// Break makes the server misbehave for every file whose path holds this text, for the next so many requests.
func (a *Archive) Break(path string, f Fault, times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, &fault{path, f, times})
}

// Slow makes the server take this long before it answers a request.
func (a *Archive) Slow(by time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pause = by
}

// Requests is how often files were asked for whose path holds this text.
func (a *Archive) Requests(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for p, times := range a.requests {
		if strings.Contains(p, path) {
			n += times
		}
	}
	return n
}

// MostAtOnce is how many requests were answered at the same time, at most.
func (a *Archive) MostAtOnce() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

// ServeHTTP is the server.
func (a *Archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, there, fault, pause := a.begin(r.URL.Path)
	defer a.end()
	time.Sleep(pause)
	if !there {
		http.NotFound(w, r)
		return
	}
	half := text[:len(text)/2]
	switch fault {
	case Missing:
		http.NotFound(w, r)
	case Busy:
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case Truncated:
		send(w, half, len(half))
	case Altered:
		text = bytes.Clone(text)
		text[len(text)/2] ^= 1
		send(w, text, len(text))
	case Dropped:
		send(w, half, len(text))
		panic(http.ErrAbortHandler)
	case Stalled:
		send(w, half, len(text))
		<-r.Context().Done()
	case Silent:
		<-r.Context().Done()
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text)) // no date: what is published anew is never "not modified"
	}
}

// send sends a body that claims to have length bytes.
func send(w http.ResponseWriter, body []byte, length int) {
	w.Header().Set("Content-Length", strconv.Itoa(length))
	_, _ = w.Write(body)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// begin counts a request and says what to answer.
func (a *Archive) begin(path string) (text []byte, there bool, broken Fault, pause time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path = strings.TrimPrefix(path, "/")
	a.requests[path]++
	a.running++
	a.most = max(a.most, a.running)
	text, there = a.files[path]
	for _, f := range a.faults {
		if strings.Contains(path, f.path) && f.times != 0 {
			f.times--
			return text, there, f.kind, a.pause
		}
	}
	return text, there, -1, a.pause
}

func (a *Archive) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
}

// Mend ends all faults.
func (a *Archive) Mend() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}
