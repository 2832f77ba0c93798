package write

import (
	"slices"

	"nhos.org/nhos/internal/rescue/device"
)

// A span is a part of a disk, in bytes.
type span struct{ start, end int64 }

// wipes are the parts of a disk behind an image's end that have to be emptied, ascending and apart from each other:
//
//   - the first MiB behind the image, and the last one of the disk, which has the copy of a GPT (33 blocks) and what RAID and ZFS
//     keep at the end;
//   - the first and the last MiB of each partition that there was: a file system found by its head years later would be
//     mounted in place of what was made there since;
//   - our marks.
//
// The rest of what was on the disk stays where it is, and can be recovered by who looks for it: this is no sanitisation.
//
// end, size and the marks are multiples of the disk's blocks, and so are partitions.
func wipes(end, size int64, parts []device.Part, marks []int64) []span {
	spans := []span{{end, end + headBytes}, {size - headBytes, size}}
	for _, p := range parts {
		stop := p.StartBytes + p.SizeBytes
		spans = append(spans, span{p.StartBytes, p.StartBytes + headBytes}, span{stop - headBytes, stop})
	}
	for _, m := range marks {
		spans = append(spans, span{m, m + markBytes})
	}
	for i := range spans {
		spans[i].start, spans[i].end = max(spans[i].start, end), min(spans[i].end, size)
	}
	spans = slices.DeleteFunc(spans, func(s span) bool { return s.start >= s.end })
	slices.SortFunc(spans, func(a, b span) int { return int(a.start/512 - b.start/512) })
	var apart []span
	for _, s := range spans {
		if n := len(apart); n > 0 && s.start <= apart[n-1].end {
			apart[n-1].end = max(apart[n-1].end, s.end)
			continue
		}
		apart = append(apart, s)
	}
	return apart
}
