package vm

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWebAnswers(t *testing.T) {
	tests := map[string]string{ // what comes before a request
		"at once":                "",
		"after another protocol": "\x16\x03\x01\x02\x00\r\n\r\nEHLO x\r\n\r\n",
		"after half a request":   "GET / HTTP/1.1\r\nHost: x\r\n",
		"after endless lines":    strings.Repeat("x", 100_000) + "\n",
		"after a body":           "", // see below
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			guest, host := net.Pipe()
			defer func() { _ = guest.Close(); _ = host.Close() }()
			go serveWeb(host)
			_ = guest.SetDeadline(time.Now().Add(10 * time.Second))
			in := bufio.NewReader(guest)
			if name == "after a body" {
				talkWeb(t, guest, in, "POST", "a body\r\n\r\nof three lines")
			}
			go func() { _, _ = io.WriteString(guest, before+"GET /any?x HTTP/1.1\r\nHost: 10.0.2.100\r\n\r\n") }()
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			if body, err := io.ReadAll(answer.Body); err != nil || string(body) != WebGreeting || answer.StatusCode != http.StatusOK {
				t.Errorf("%s: %q, error %v", answer.Status, body, err)
			}
			talkWeb(t, guest, in, "HEAD", "")
			talkWeb(t, guest, in, "GET", "")
		})
	}
}

// talkWeb asks and reads the answer by the standard library.
func talkWeb(t *testing.T, conn io.Writer, in *bufio.Reader, method, body string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://10.0.2.100/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = request.Write(conn) }()
	answer, err := http.ReadResponse(in, request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.ContentLength != int64(len(WebGreeting)) {
		t.Errorf("%s: %+v, error %v", method, answer, err)
	}
}

func FuzzServeWeb(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("HEAD / HTTP/1.0\n\n\n\nPOST /x HTTP/1.1\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out strings.Builder
		serveWeb(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(string(in)), &out})
		if asked := strings.Count(string(in), " HTTP/1."); strings.Count(out.String(), "200 OK") > asked {
			t.Fatalf("%d requests are answered by %q", asked, out.String())
		}
	})
}
