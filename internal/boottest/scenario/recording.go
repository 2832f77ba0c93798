package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nhos.org/nhos/internal/boottest/traffic"
	"nhos.org/nhos/internal/manifest"
)

// A recording keeps what a guest says on its network. Frames come from the goroutines of the cable.
type recording struct {
	mu     sync.Mutex
	began  time.Time // with the first power-on
	ledger *traffic.Ledger
	frames *traffic.Recorder
	buffer *bufio.Writer
	file   *os.File
}

// record begins a recording in the run's folder. m says what is named; a medium that NHoS didn't build names nothing.
func record(dir string, m *manifest.Manifest) (*recording, error) {
	var named []string
	if m != nil {
		named = m.Destinations
	}
	ledger, err := traffic.NewLedger(named)
	if err != nil {
		return nil, fmt.Errorf("reading what the medium names: %w", err)
	}
	file, err := os.Create(filepath.Join(dir, trafficFile))
	if err != nil {
		return nil, fmt.Errorf("recording the network: %w", err)
	}
	buffer := bufio.NewWriter(file)
	return &recording{began: time.Now(), ledger: ledger, frames: traffic.NewRecorder(buffer), buffer: buffer, file: file}, nil
}

func (r *recording) add(sent bool, frame []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.ledger.Add(now.Sub(r.began), sent, frame)
	r.frames.Add(now, frame)
}

func (r *recording) destinations() []traffic.Destination {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Destinations()
}

// close ends the recording; no frame comes after it.
func (r *recording) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.frames.Err(), r.buffer.Flush(), r.file.Close()); err != nil {
		return fmt.Errorf("recording the network: %w", err)
	}
	return nil
}
