#!/bin/sh
# machine.sh keep        keeps this script's folder until standard input ends: with the test, however that one ends. When a
#                        line comes, the path of a cgroup to make, it boots a machine. Nothing is left in the end.
# machine.sh boot NAME   the part of it that runs in namespaces of its own, so that its mounts end with it.
#
# The machine's /usr is the host's with the folder's usr/ on top, its /etc a copy of the host's with the folder's etc/ in place
# of what has the same name; the host's units stay out. /home is the folder's home/. All else is empty. Its network has
# nothing but loopback.
set -eu
cd "$(dirname "$0")"
here=$(pwd)

keep() {
	if read -r group; then
		mkdir "$group"
		(
			echo 0 >"$group/cgroup.procs"
			# Whatever happens to unshare, the kernel ends all that is in the new pid namespace.
			exec unshare --fork --kill-child --pid --mount --propagation private sh "$here/machine.sh" boot "${group##*/}"
		) </dev/null &
		cat >/dev/null || true
		exec >/dev/null 2>&1 # nobody may be there to read
		kill -KILL $! || true
		wait $! || true
		tries=0 # until the kernel has buried the last process; systemd-nspawn makes the same cgroup in the hierarchy that is systemd's own
		while [ -n "$(find /sys/fs/cgroup -depth -path "*/${group##*/}*" -type d ! -exec rmdir {} \; -print)" ] && [ $tries -lt 100 ]; do
			sleep 0.1
			tries=$((tries + 1))
		done
	fi
	rm -rf "$here"
}

boot() {
	mount -t proc proc /proc
	mount -t tmpfs -o mode=755 tmpfs /run # systemd-nspawn has its locks there
	mkdir room
	mount -t tmpfs -o mode=755,size=1g tmpfs room
	cd room
	mkdir -p changes work root/usr root/var/log/journal
	mkdir -m 700 root/root
	mount -t overlay -o "lowerdir=$here/usr:/usr,upperdir=changes,workdir=work" overlay root/usr
	for link in /bin /lib /lib32 /lib64 /libx32 /sbin; do
		[ ! -L $link ] || cp -P $link root/
	done
	cp -a "$here/home" /etc root/
	rm -rf root/etc/systemd root/etc/fstab root/etc/crypttab
	cp -a "$here/etc/." root/etc/
	touch root/etc/.updated root/var/.updated # no caches are to be made anew
	export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
	exec systemd-nspawn --quiet --directory=root --machine="$1" --boot --register=no --keep-unit --private-network \
		--resolv-conf=off --timezone=off --link-journal=no --console=pipe systemd.unit=machine.target
}

"$@"
