package traffic

import (
	"encoding/binary"
	"io"
	"time"
)

// MaxRecord is how many bytes of frames a [Recorder] keeps; the ledger goes on after that.
const MaxRecord = 64 << 20

// A Recorder writes frames as a capture file (pcap, as libpcap's pcap-savefile(5) has it).
type Recorder struct {
	w    io.Writer
	left int
	err  error
}

// NewRecorder begins a capture file.
func NewRecorder(w io.Writer) *Recorder {
	r := &Recorder{w: w, left: MaxRecord}
	head := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4) // microseconds
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...)
	head = binary.LittleEndian.AppendUint32(head, 128<<10) // the longest frame
	head = binary.LittleEndian.AppendUint32(head, 1)       // Ethernet
	r.write(head)
	return r
}

// Add keeps a frame.
func (r *Recorder) Add(at time.Time, frame []byte) {
	if r.left < len(frame) {
		r.left = 0
		return
	}
	r.left -= len(frame)
	head := binary.LittleEndian.AppendUint32(nil, uint32(at.Unix()))
	head = binary.LittleEndian.AppendUint32(head, uint32(at.Nanosecond()/1000))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(frame)))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(frame)))
	r.write(append(head, frame...))
}

// Err is the first error of writing.
func (r *Recorder) Err() error { return r.err }

func (r *Recorder) write(b []byte) {
	if r.err == nil {
		_, r.err = r.w.Write(b)
	}
}
