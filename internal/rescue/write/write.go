// Package write writes an image to sticks, and answers for what it says of them afterwards.
//
// A stick is written, unusable, or untouched. It is never half-good: its first MiB, which holds the boot records, the
// partition table and the head of the ISO, is emptied first and written last, after all else was read back. So no computer
// starts from a stick that was pulled out in the middle, that broke, or whose writing was stopped.
//
// The order, each step flushed to the stick before the next:
//
//  1. the first MiB is emptied, and read back: a worn stick may take all writes and keep none;
//  2. marks are written all over the stick and read back: a stick may hold less than it says (marks.go);
//  3. the image is written, but for its first MiB;
//  4. the marks behind the image are read again, now that the image has been through the stick's own cache;
//  5. what would confuse is emptied: marks, the table's copy at the end, heads of old partitions (wipe.go);
//  6. all of it is read back, past the page cache, and held against the image's digests;
//  7. the first MiB is written and read back, and the kernel told to read the partition table.
//
// Nothing here chooses a disk: it is given devices, and opens those alone.
package write

import (
	"context"
	"errors"
	"fmt"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// tableBlock is what the partition tables of a hybrid ISO count in, whatever it is written to.
const tableBlock = 512

// A stick is a device that is being written to.
type stick struct {
	image  *Image
	device device.Device
	disk   *disk
	phase  ui.Phase
	// touched says that something was written, so the stick no longer holds what it held.
	touched bool
}

// run writes and verifies. The stick is good if it returns nil, and doesn't start a computer otherwise, if it was touched.
func (s *stick) run(ctx context.Context) (err error) {
	if s.disk, err = openDisk(s.device); err != nil {
		return err
	}
	defer func() {
		if s.touched { // whatever came of it, the old table is gone
			s.disk.rereadTable()
		}
		if closed := s.disk.close(); err == nil {
			err = closed
		}
	}()
	if s.disk.block != tableBlock {
		return fmt.Errorf("its blocks have %d bytes, and the image's partition table counts in %d: computers wouldn't find what they start from", s.disk.block, tableBlock)
	}
	if padded := s.disk.padded(s.image.SizeBytes); padded > s.disk.size {
		return fmt.Errorf("it holds %s, and the image is %s", ui.Bytes(s.disk.size), ui.Bytes(s.image.SizeBytes))
	}
	s.touched = true
	if err := s.behead(); err != nil {
		return err
	}
	marks := newMarks(s.disk.size)
	s.phase.At("looking whether it holds what it says")
	if err := s.mark(ctx, marks); err != nil {
		return err
	}
	s.phase.At("writing")
	if err := s.writeBody(ctx); err != nil {
		return err
	}
	end := s.disk.padded(s.image.SizeBytes)
	if err := s.readMarks(marks.from(end)); err != nil {
		return err
	}
	spans := wipes(end, s.disk.size, s.device.Parts, marks.offsets)
	if err := s.wipe(spans); err != nil {
		return err
	}
	s.phase.At("reading back")
	if err := s.verifyBody(ctx); err != nil {
		return err
	}
	if err := s.verifyEmpty(spans); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.phase.At("writing its beginning")
	if err := s.writeHead(); err != nil {
		// It may be there all the same, and what starts must be good.
		return errors.Join(err, s.behead())
	}
	return nil
}

// behead empties the first MiB, so that nothing starts from the stick and no old table is believed.
func (s *stick) behead() error {
	head := []span{{0, min(headBytes, s.disk.size)}}
	if err := s.wipe(head); err != nil {
		return err
	}
	err := s.verifyEmpty(head)
	var different *DifferenceError
	if errors.As(err, &different) {
		return ui.Hint(fmt.Errorf("it doesn't keep what is written to it: %w", err), "it is worn out or locked; use another one")
	}
	return err
}

func (s *stick) mark(ctx context.Context, m marks) error {
	buf := aligned(markBytes)
	for i := len(m.offsets) - 1; i >= 0; i-- { // downwards; marks.go says why
		if err := ctx.Err(); err != nil {
			return err
		}
		m.fill(buf, m.offsets[i])
		if err := s.disk.write(buf, m.offsets[i]); err != nil {
			return err
		}
	}
	if err := s.disk.flush(); err != nil {
		return err
	}
	return s.readMarks(m)
}

// readMarks holds the marks against what was written; what doesn't fit gives a *FakeError.
func (s *stick) readMarks(m marks) error {
	buf := aligned(markBytes)
	var found []sighting
	for _, offset := range m.offsets {
		if err := s.disk.read(buf, offset); err != nil {
			return err
		}
		found = append(found, m.recognise(buf, offset))
	}
	return judge(s.disk.size, found)
}

func (s *stick) writeBody(ctx context.Context) error {
	work := relay{
		pieces: s.image.body(),
		fill:   s.image.read,
		drain: func(p piece, buf []byte) error {
			buf = buf[:s.disk.padded(p.length)]
			clear(buf[p.length:])
			if err := s.disk.write(buf, p.offset); err != nil {
				return err
			}
			s.phase.Add(p.length)
			return nil
		},
	}
	if err := work.run(ctx); err != nil {
		return err
	}
	return s.disk.flush()
}

func (s *stick) wipe(spans []span) error {
	empty := aligned(headBytes)
	for _, x := range spans {
		for at := x.start; at < x.end; at += headBytes {
			if err := s.disk.write(empty[:min(headBytes, x.end-at)], at); err != nil {
				return err
			}
		}
	}
	return s.disk.flush()
}

// writeHead writes the first MiB and reads it back. It isn't interrupted: it is what makes the stick a good one.
func (s *stick) writeHead() error {
	p := s.image.head()
	buf := aligned(int(s.disk.padded(p.length)))
	if err := s.image.read(p, buf); err != nil {
		return err
	}
	if err := s.disk.write(buf, 0); err != nil {
		return err
	}
	if err := s.disk.flush(); err != nil {
		return err
	}
	clear(buf)
	if err := s.disk.read(buf, 0); err != nil {
		return err
	}
	s.phase.Add(2 * p.length)
	return s.compare(p, buf)
}
