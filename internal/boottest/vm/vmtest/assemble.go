package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// prelude is before every program: it calls puts (text at si) and putc (al), which write to the serial port.
const prelude = `
.code16
	cli
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp
	cld
	sti
	ljmp $0, $main
puts:	lodsb
	test %al, %al
	jz 1f
	call putc
	jmp puts
1:	ret
putc:	push %dx
	push %ax
	mov $0x3fd, %dx
1:	in (%dx), %al
	test $0x20, %al
	jz 1b
	pop %ax
	mov $0x3f8, %dx
	out %al, (%dx)
	pop %dx
	ret
main:
`

// Programs that a test may want.
const (
	// Echo writes each key to the serial port.
	Echo = `
	mov $ready, %si
	call puts
1:	xor %ah, %ah
	int $0x16
	call putc
	cmp $'\r', %al
	jne 1b
	mov $'\n', %al
	call putc
	jmp 1b
ready:	.asciz "ready\n"
`
	// Disks says how many hard disks there are, what the first one begins with, and whether it could be written to.
	Disks = `
	mov $disks, %si
	call puts
	mov 0x475, %al
	add $'0', %al
	call putc
	mov $end, %si
	call puts
	cmpb $0, 0x475
	je done
	mov $0x0201, %ax
	mov $1, %cx
	mov $0x0080, %dx
	mov $0x9000, %bx
	int $0x13
	mov $bad, %si
	jc say
	mov $found, %si
	call puts
	movb $0, 0x9040
	mov $0x9000, %si
	call puts
	mov $end, %si
	call puts
	mov $text, %si
	mov $0x9000, %di
	mov $16, %cx
	rep movsb
	mov $0x0301, %ax
	mov $1, %cx
	mov $0x0080, %dx
	mov $0x9000, %bx
	int $0x13
	mov $refused, %si
	jc say
	mov $written, %si
say:	call puts
done:	mov $over, %si
	call puts
1:	hlt
	jmp 1b
disks:	.asciz "\ndisks: "
found:	.asciz "found: "
text:	.asciz "left by a guest"
bad:	.asciz "unreadable\n"
refused: .asciz "refused\n"
written: .asciz "written\n"
over:	.asciz "over"
end:	.asciz "\n"
`
	// Button powers off when the power button is pressed (ACPI 6.5, 4.8.3.1; QEMU's q35 has these ports at 0x600).
	Button = `
	cli
	mov $0x602, %dx
	mov $0x100, %ax
	out %ax, (%dx)
	mov $ready, %si
	call puts
	mov $0x600, %dx
1:	in (%dx), %ax
	test $0x100, %ax
	jz 1b
	mov $0x604, %dx
	mov $0x2000, %ax
	out %ax, (%dx)
	hlt
ready:	.asciz "ready\n"
`
)

// Assemble returns the code of a program for a BIOS machine.
func Assemble(t testing.TB, program string) []byte {
	t.Helper()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("program.s"), []byte(prelude+program), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"as", "--32", "-o", path("program.o"), path("program.s")},
		{"ld", "-m", "elf_i386", "-Ttext=0x7c00", "-e", "0x7c00", "--oformat=binary", "-o", path("program"), path("program.o")},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command[0], err, out)
		}
	}
	code, err := os.ReadFile(path("program"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}
