#!/bin/sh
# Sees to it that each layer is held against its digests, or isn't started. Runs in the initramfs, before each layer is
# mounted, and when the boot can't go on. live-boot itself only warns of a layer whose digests or root are missing.
[ "$1" = prereqs ] && exit 0
roots=
read -r line </proc/cmdline
for word in $line; do
	case $word in dm-verity-root-hash=*) roots=${word#*=} ;; esac
done
# Who starts the layers without the medium's menu has named no roots, and asks for nothing. live-boot names the layer.
[ -n "$roots" ] && [ -n "$image" ] || exit 0
layer=${image##*/}
case $0 in
*/panic/*)
	grep -q " /run/live/rootfs/$layer " /proc/mounts && exit 0
	;;
*)
	# By such instructions digests are several times as fast; the module's others gain little, and lose when emulated.
	grep -qwE 'sha_ni|avx2' /proc/cpuinfo && modprobe -q sha256-ssse3
	modprobe -q dm-verity
	case ",$roots" in *",$layer:"[0-9a-f]*) [ -s "$image.verity" ] && exit 0 ;; esac
	;;
esac
[ -x /bin/plymouth ] && /bin/plymouth quit
for out in /dev/tty1 /dev/console; do
	printf '%s\n' "" "This medium is damaged and was not started: live/$layer isn't what its digests say." \
		"Write it again, or use another one. The computer stops in 60 seconds." 2>/dev/null >"$out"
done
while :; do
	sleep 60
	poweroff -f
done
