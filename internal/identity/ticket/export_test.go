package ticket

import "testing"

// EndSending ends what a program sends, and goes on listening.
func (c *Client) EndSending(t testing.TB) {
	t.Helper()
	if err := c.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}
