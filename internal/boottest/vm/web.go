package vm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// WebGreeting is what the server of a [UserNetwork] answers to everything: whoever reads it has a network.
const WebGreeting = "nhos\n"

// requestLine is the first line of a request (RFC 9112, 3). The end of another request's body may be before it.
var requestLine = regexp.MustCompile(`(GET|HEAD|POST|PUT) \S+ HTTP/1\.[01]$`)

// serveWeb answers HTTP requests until the connection ends.
//
// QEMU joins all connections of the guest's into this one stream, and tells neither their beginning nor their end. So
// an answer is short enough to be gone at once, and says its length, since nobody here can close a connection. What
// isn't a request is passed over line by line until the next one begins.
func serveWeb(conn io.ReadWriter) {
	in := bufio.NewReader(conn)
	for method := ""; ; {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return
		}
		text := strings.TrimRight(string(line), "\r\n")
		if m := requestLine.FindStringSubmatch(text); m != nil {
			method = m[1]
		}
		if text != "" || method == "" {
			continue
		}
		body := WebGreeting
		if method == "HEAD" {
			body = ""
		}
		_, err = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			len(WebGreeting), body)
		if err != nil {
			return
		}
		method = ""
	}
}
