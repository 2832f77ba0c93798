// Package vmtest makes media for tests: a CD that boots a few bytes of machine code by BIOS.
package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Media that a test may want.
var (
	// Reset restarts the machine by its keyboard controller.
	Reset = []byte{0xb0, 0xfe, 0xe6, 0x64, 0xf4}
	// Blank clears the screen and halts.
	Blank = append([]byte{0xb8, 0x03, 0x00, 0xcd, 0x10}, halt...)
	// Hang does nothing for ever, and leaves the screen as the firmware had it.
	Hang = []byte{0xeb, 0xfe}
	// Restless writes one character after the other for ever: inc bl; mov al, bl; mov ah, 0xe; int 0x10 (teletype); jmp.
	Restless = []byte{0xfe, 0xc3, 0x88, 0xd8, 0xb4, 0x0e, 0xcd, 0x10, 0xeb, 0xf6}
)

var halt = []byte{0xf4, 0xeb, 0xfd}

// Print clears the screen, shows a text and goes on with then; nil is to halt. \r\n begins a line.
func Print(text string, then []byte) []byte {
	if then == nil {
		then = halt
	}
	const printer = 24 // bytes before then
	at := 0x7c00 + printer + len(then)
	code := []byte{
		0xb8, 0x03, 0x00, 0xcd, 0x10, // mov ax, 3; int 0x10: text mode, cleared
		0x31, 0xc0, 0x8e, 0xd8, // ds = 0
		0xbe, byte(at), byte(at >> 8), // mov si, text
		0xfc,             // cld
		0xac,             // next: lodsb
		0x84, 0xc0, 0x74, // test al, al; jz then
		6,
		0xb4, 0x0e, 0xcd, 0x10, // int 0x10: teletype
		0xeb, 0xf5, // jmp next
	}
	code = append(code, then...)
	return append(code, text+"\x00"...)
}

// AfterKey waits for a key and goes on with then.
func AfterKey(then []byte) []byte {
	return append([]byte{0xb4, 0x00, 0xcd, 0x16}, then...)
}

// Medium writes an ISO whose boot image is code, with further files (path: content).
func Medium(t testing.TB, code []byte, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	write := func(name string, content []byte) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image := make([]byte, 2048)
	if copy(image, code) < len(code) {
		t.Fatalf("%d bytes of code don't fit", len(code))
	}
	write("boot.img", image)
	for name, content := range files {
		write(name, []byte(content))
	}
	iso := filepath.Join(dir, "medium.iso")
	out, err := exec.Command("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "TEST", "-b", "boot.img", "-no-emul-boot",
		"-boot-load-size", "4", "-o", iso, root).CombinedOutput()
	if err != nil {
		t.Fatalf("xorriso: %v: %s", err, out)
	}
	return iso
}
