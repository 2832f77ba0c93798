package spinesim

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// An answer is what a client is sent.
type answer struct {
	kind string // Content-Type
	body string
}

// A visit is one request, with the faults that its answer has.
type visit struct {
	*http.Request
	body   []byte
	faults map[string]string // values by name
	now    time.Time
}

// has says whether a fault happens.
func (v visit) has(fault string) bool {
	_, ok := v.faults[fault]
	return ok
}

// base is the address that the client knows this server by, which the addresses in answers begin with.
func (v visit) base() string {
	if other, ok := v.faults["other-host"]; ok {
		return other
	}
	return "https://" + v.Host
}

// endpoint answers requests of one kind, with the faults that are set for it.
func (s *Server) endpoint(at string, handle func(visit) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			http.Error(w, "the request can't be read, or is too large", http.StatusBadRequest)
			return
		}
		if s.options.Before != nil {
			s.options.Before(at)
		}
		v := visit{r, body, s.faults.take(at), s.options.Now()}
		if !v.wait() || v.instead(w) {
			return
		}
		v.send(w, handle(v))
	})
}

// wait holds a slow answer back. It says whether the client is still there.
func (v visit) wait() bool {
	d, err := time.ParseDuration(v.faults["slow"])
	if err != nil {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-v.Context().Done():
		return false
	}
}

// instead answers with a fault that stands for the answer; it says whether there was one.
func (v visit) instead(w http.ResponseWriter) bool {
	switch {
	case v.has("close"):
		panic(http.ErrAbortHandler) // which is how net/http is told to
	case v.has("http-status"):
		status, _ := strconv.Atoi(v.faults["http-status"])
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><head><title>" + http.StatusText(status) + "</title></head></html>\n"))
	case v.has("redirect"):
		w.Header().Set("Location", v.faults["redirect"])
		w.WriteHeader(http.StatusTemporaryRedirect)
	case v.has("html"):
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>" + v.faults["html"] + "</title></head><body>&nbsp;<br></body></html>\n"))
	case v.has("huge"):
		_, _ = w.Write(bytes.Repeat([]byte("<gpPARAM name=\"x\">y</gpPARAM>\n"), (2<<20)/30))
	default:
		return false
	}
	return true
}

// send writes an answer, whole or not.
func (v visit) send(w http.ResponseWriter, a answer) {
	body := []byte(a.body)
	if v.has("windows-1252") {
		encoder := encoding.ReplaceUnsupported(charmap.Windows1252.NewEncoder())
		if encoded, err := encoder.Bytes(body); err == nil {
			body = encoded
		}
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if v.has("cut") {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

// A field of an answer.
type field struct {
	name, value string
	attributes  string // as they are written
}

// object writes a gpOBJECT as the Spine does: with "&" and quotes as they are.
func (v visit) object(fields ...field) answer {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	if v.has("dtd") {
		b.WriteString("<!DOCTYPE USER SYSTEM \"" + v.base() + "/login/dtd\" [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>\n")
		fields = append(fields, field{name: "note", value: "&b;&f;"})
	} else {
		b.WriteString("<!DOCTYPE USER SYSTEM \"" + v.base() + "/login/dtd\">\n")
	}
	if v.has("reverse") {
		slices.Reverse(fields)
	}
	b.WriteString("<gpOBJECT>\n")
	for _, f := range fields {
		if missing, ok := v.faults["missing"]; ok && f.name == missing {
			continue
		}
		b.WriteString(`<gpPARAM name="` + f.name + `"` + f.attributes + ">" + f.value + "</gpPARAM>\n")
	}
	b.WriteString("</gpOBJECT>\n")
	return answer{"text/xml", b.String()}
}

// status is the page that answers a selection, an update or a logout.
func status(text string) answer {
	return answer{"text/html", "<HTML><STATUS>" + text + "</STATUS></HTML>\n"}
}

// What a status says.
const (
	statusOK      = "OK"
	statusInvalid = "INVALID SESSION"
)
