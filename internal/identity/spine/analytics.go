package spine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Analytics is what the Spine's own agents tell of the computer with each call. It is sent only where it is asked for,
// and what is sent is true.
type Analytics struct {
	OS           string   // "Debian GNU/Linux 13"
	Mode         string   // "Normal", …
	Training     bool     // whether the session is one for training
	Remote       bool     // whether the person sits at another computer
	Driver       string   // of the card: its maker and version
	Readers      []string // names of all readers
	ActiveReader string   // the one that has the card
	ATR          []byte   // of the card
}

// header is the value of the Analytics header: one line of JSON in which truths are words.
func (a Analytics) header(agent, logID string) string {
	word := map[bool]string{true: "True", false: "False"}
	pairs := make([]string, len(a.ATR))
	for i, b := range a.ATR {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	value := struct {
		IAVersion           string
		OSVersion           string
		Mode                string
		TrainingMode        string
		MiddlewareInstalled []string
		CardReaders         []string
		RemoteSession       string
		ATR                 string
		ActiveCardReader    string
		SessionID           string `json:"SessionId"`
	}{agent, a.OS, a.Mode, word[a.Training], append([]string{}, a.Driver), append([]string{}, a.Readers...), word[a.Remote],
		strings.Join(pairs, "-"), a.ActiveReader, logID}
	line, err := json.Marshal(value)
	if err != nil { // strings can't fail
		return "{}"
	}
	return ascii(line)
}

// ascii writes other characters of JSON as \uXXXX, since a header has none.
func ascii(line []byte) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(string(line))) {
		if unit < 0x80 {
			b.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
