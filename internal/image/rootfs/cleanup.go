package rootfs

// CleanUp are the ops that every layer ends with: they remove what only the making of the layer needed, what would
// tell on the building machine, and what must be a machine's own.
func CleanUp() []Op {
	var ops []Op
	for _, glob := range []string{
		"/usr/sbin/policy-rc.d",
		"/etc/ssh/ssh_host_*",
		"/etc/ssl/private/ssl-cert-snakeoil.key", "/etc/ssl/certs/ssl-cert-snakeoil.pem", // made on installation: every machine would have the same
		"/etc/*-", "/var/lib/dpkg/*-old", "/var/cache/debconf/*-old",
		"/var/lib/apt/lists/*", "/var/cache/apt/*.bin", "/var/cache/apt/archives/*.deb", "/var/cache/apt/archives/partial/*",
		"/var/cache/ldconfig/aux-cache",
		"/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret",
		"/var/log/apt/*", "/var/log/*.log", "/var/log/journal/*",
		"/root/.*_history",
	} {
		ops = append(ops, Op{Kind: Remove, Path: glob})
	}
	return append(ops, Op{Kind: Empty, Path: "/etc/machine-id"}, Op{Kind: Empty, Path: "/var/log/*tmp"}, Op{Kind: Empty, Path: "/var/log/lastlog"})
}
