#!/bin/sh
# Takes what firmware starts from the packages that lie unpacked in this root, and puts it into the folder $1:
#   efi.img          a FAT file system with Debian's signed shim and GRUB, for UEFI and Secure Boot
#   eltorito.img     GRUB's core for BIOS, as a CD boots it
#   boot_hybrid.img  the first sector, for BIOS from a USB stick
#   grub.tar         GRUB's modules for BIOS, and its font
set -eu
out=$1
tmp=$(mktemp -d)

# The signed GRUB for CDs looks for /.disk/info to find its configuration, on a stick too; the one for disks doesn't.
mkdir -p "$tmp/EFI/BOOT"
cp /usr/lib/shim/shimx64.efi.signed "$tmp/EFI/BOOT/BOOTX64.EFI"
cp /usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed "$tmp/EFI/BOOT/grubx64.efi"
cp /usr/lib/shim/mmx64.efi.signed "$tmp/EFI/BOOT/mmx64.efi"
find "$tmp/EFI" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
size=$(($(du -s --apparent-size -k "$tmp/EFI" | cut -f1) + 512))
truncate -s "${size}K" "$out/efi.img"
mformat -i "$out/efi.img" -T $((size * 2)) -h 2 -s 32 -N 4e486f53 ::
mcopy -i "$out/efi.img" -smQ "$tmp/EFI" ::

grub-mkimage -O i386-pc-eltorito -p /boot/grub -o "$out/eltorito.img" \
	biosdisk iso9660 part_gpt part_msdos normal configfile search search_fs_file
cp /usr/lib/grub/i386-pc/boot_hybrid.img "$out/boot_hybrid.img"

mkdir -p "$tmp/grub/i386-pc" "$tmp/grub/fonts"
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst "$tmp/grub/i386-pc/"
cp /usr/share/grub/unicode.pf2 "$tmp/grub/fonts/"
tar -C "$tmp/grub" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf "$out/grub.tar" .
