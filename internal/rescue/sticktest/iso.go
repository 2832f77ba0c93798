package sticktest

import (
	"encoding/binary"
	"math/rand/v2"
)

// ISO returns bytes that pass for a hybrid ISO of that size, which is a multiple of 2048: a boot record with one partition, which
// begins at the second MiB, a volume descriptor, and else what can't be guessed.
func ISO(size int64) []byte {
	iso := make([]byte, size)
	source := rand.NewChaCha8([32]byte{7})
	_, _ = source.Read(iso)
	clear(iso[:512])
	entry := iso[446:]
	entry[0], entry[4] = 0x80, 0x17
	binary.LittleEndian.PutUint32(entry[8:], 1<<20/512)
	binary.LittleEndian.PutUint32(entry[12:], uint32(size/512-1<<20/512))
	iso[510], iso[511] = 0x55, 0xaa
	copy(iso[16*2048:], "\x01CD001\x01")
	return iso
}
