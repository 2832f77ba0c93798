package spinesim

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"nhos.org/nhos/internal/ui"
)

// Control answers the control API, which makes faults happen. It is for this computer alone: requests that name
// another host, or that a web page makes, are refused.
//
//	GET    /faults          the faults that happen
//	PUT    /faults          makes one happen; the body is a Fault
//	DELETE /faults          ends all; ?name=NAME ends one
//	GET    /kinds           the kinds of faults
//	GET    /sessions        who is signed in
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Faults()) })
	mux.HandleFunc("GET /kinds", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, Kinds()) })
	mux.HandleFunc("GET /sessions", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Sessions()) })
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		d := json.NewDecoder(io.LimitReader(r.Body, 4096))
		d.DisallowUnknownFields()
		err := d.Decode(&f)
		if err == nil {
			err = s.Break(f)
		}
		if err != nil {
			http.Error(w, problem(err), http.StatusBadRequest)
			return
		}
		writeJSON(w, s.Faults())
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, r *http.Request) {
		s.Mend(r.URL.Query().Get("name"))
		writeJSON(w, s.Faults())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) || r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "" {
			http.Error(w, "this is for programs of this computer", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// problem is an error with its hint, on one line.
func problem(err error) string {
	if hint := ui.HintOf(err); hint != "" {
		return fmt.Sprintf("%v (%s)", err, hint)
	}
	return err.Error()
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = ui.WriteJSON(w, v)
}

// listenControl listens at a loopback address and at no other.
func listenControl(address string) (net.Listener, error) {
	if !isLoopback(address) {
		return nil, fmt.Errorf("%s isn't an address of this computer alone", address)
	}
	return net.Listen("tcp", address)
}

// isLoopback says whether host:port is this computer's.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
