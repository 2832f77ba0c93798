// Package verity gives a layer the digests by which the kernel holds each of its blocks when it is read (dm-verity).
//
// A tree has the digests of all blocks of 4096 bytes, the digests of the blocks of those, and so on up to one, the root.
// Who knows the root knows whether a block is the one that was there when the tree was made; a block that isn't is refused
// with an error instead of being read. A tree is a little less than a hundredth of its layer.
//
// The tree of a layer depends on the layer's bytes and its key alone, so the same build gives the same tree.
package verity

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"nhos.org/nhos/internal/image/child"
)

// Suffix is what live-boot finds the tree of a layer by, behind the layer's name.
const Suffix = ".verity"

// HookScript is what initramfs-tools runs when it makes an initrd: mount opens dm-verity's devices by a library that it
// loads when it needs it, so live-boot doesn't know that it has to be there.
const HookScript = `#!/bin/sh
# mount loads this library by itself when a layer has digests, so nothing else brings it into the initrd.
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
found=
for library in /usr/lib/*/libcryptsetup.so.12; do
	[ -e "$library" ] || continue
	copy_exec "$library"
	found=yes
done
# Without dmsetup's rules, who makes a device waits for udev for ever.
if [ -z "$found" ] || [ ! -x /usr/sbin/dmsetup ]; then
	echo "the base lacks libcryptsetup12 or dmsetup: layers couldn't be held against their digests" >&2
	exit 1
fi
# Digests by a processor's own instructions (x86).
manual_add_modules sha256-ssse3
`

// Program is veritysetup. It lies where only root's shell looks, and planning takes no root.
func Program() string {
	if path, err := exec.LookPath("veritysetup"); err == nil {
		return path
	}
	return "/usr/sbin/veritysetup"
}

// Format writes the tree of the file layer to the new file tree and returns the root, 64 hexadecimal digits. key is the
// layer's, 64 hexadecimal digits: the tree's salt, and what its identifier is made from.
func Format(ctx context.Context, key, layer, tree string, log io.Writer) (root string, err error) {
	id, err := uuid(key)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, Program(), "format", "--format", "1", "--hash", "sha256",
		"--data-block-size", "4096", "--hash-block-size", "4096", "--salt", key, "--uuid", id, layer, tree)
	var out bytes.Buffer
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, log), log
	if err := child.Run(cmd); err != nil {
		return "", fmt.Errorf("making the digests of the layer's blocks: %w", err)
	}
	for line := range strings.Lines(out.String()) {
		if value, is := strings.CutPrefix(line, "Root hash:"); is {
			root = strings.TrimSpace(value)
		}
	}
	if !isDigest(root) {
		return "", fmt.Errorf("making the digests of the layer's blocks: veritysetup named no root:\n%s", out.String())
	}
	return root, nil
}

// uuid is an identifier that the key gives and nothing else (RFC 9562, version 8).
func uuid(key string) (string, error) {
	b, err := hex.DecodeString(key)
	if err != nil || !isDigest(key) {
		return "", fmt.Errorf("making the digests of the layer's blocks: %q is no key", key)
	}
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16]), nil
}

func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
