// Package wire frames the messages between the Identity Agent and the process that holds a smartcard driver: JSON, and
// apart from it at most one secret, so that no encoder's buffers ever hold a passcode.
//
// A message is the length of its JSON (four bytes, big-endian), the JSON, the length of the secret (one byte), the
// secret.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"nhos.org/nhos/internal/identity/secret"
)

// MaxJSON bounds a message: a dozen readers with cards of a dozen certificates stay far below it.
const MaxJSON = 1 << 20

// Send writes one message with one call of w. The secret may be nil; it stays the caller's to wipe.
func Send(w io.Writer, message any, passcode *secret.Text) error {
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("writing a message of the card process: %w", err)
	}
	if len(text) > MaxJSON || passcode.Len() > math.MaxUint8 {
		return fmt.Errorf("a message of the card process is too long: %d bytes and a secret of %d", len(text), passcode.Len())
	}
	// As large as it gets from the start: a buffer that grows would leave copies behind.
	frame := make([]byte, 0, 4+len(text)+1+passcode.Len())
	defer func() { clear(frame[:cap(frame)]) }()
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(text)))
	frame = append(frame, text...)
	frame = append(frame, byte(passcode.Len()))
	frame = append(frame, passcode.Reveal()...)
	_, err = w.Write(frame)
	return err
}

// Receive reads one message into message, and the secret that came with it, or nil; the caller wipes it. At the end of
// r, between messages, the error is io.EOF.
func Receive(r io.Reader, message any) (*secret.Text, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header)
	if length > MaxJSON {
		return nil, fmt.Errorf("a message of the card process has %d bytes, but at most %d are allowed", length, MaxJSON)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, cut(err)
	}
	if _, err := io.ReadFull(r, header[:1]); err != nil {
		return nil, cut(err)
	}
	var passcode *secret.Text
	if header[0] > 0 {
		value := make([]byte, header[0])
		passcode = secret.New(value)
		if _, err := io.ReadFull(r, value); err != nil {
			passcode.Wipe()
			return nil, cut(err)
		}
	}
	if err := json.Unmarshal(text, message); err != nil {
		passcode.Wipe()
		return nil, fmt.Errorf("reading a message of the card process: %w", err)
	}
	return passcode, nil
}

// cut tells an end within a message from one between messages.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("a message of the card process is cut short: %w", err)
}
