#!/bin/sh
# Holds the medium against its checksums, when the boot menu asked for it. Runs in the initramfs, before the first
# layer is mounted; nothing of a damaged medium is started.

[ "$1" = prereqs ] && exit 0
grep -qw nhos.check-medium /proc/cmdline || exit 0
[ -e /run/nhos-medium-checked ] && exit 0

say() {
	for out in /dev/tty1 /dev/console; do
		printf '%s\n' "$@" 2>/dev/null >"$out"
	done
}

[ -x /bin/plymouth ] && /bin/plymouth quit
cd /run/live/medium || exit 0
say "" "Checking the medium. This takes a few minutes."
damaged=
while read -r digest file; do
	say "  $file"
	set -- $(sha256sum "$file")
	[ "$1" = "$digest" ] || damaged="$damaged $file"
done <sha256sum.txt
cd /

if [ -n "$damaged" ] || [ ! -s /run/live/medium/sha256sum.txt ]; then
	say "" "This medium is damaged and was not started:$damaged" \
		"Write it again, or use another one. The computer stops in 60 seconds."
	while :; do
		sleep 60
		poweroff -f
	done
fi
say "The medium is good. Starting."
: >/run/nhos-medium-checked
