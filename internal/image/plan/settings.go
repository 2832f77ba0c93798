package plan

import (
	"fmt"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/ui"
)

// environment is what scripts and checks may know of a definition's settings.
func environment(img *definition.Image) map[string]string {
	values := map[string]string{}
	for name, v := range variables(img) {
		values[name] = v.Value
	}
	return values
}

// settings are the ops that bring an image's settings into its root.
func settings(img *definition.Image) []rootfs.Op {
	s := img.Settings
	v := variables(img)
	host, locale := v["NHOS_HOSTNAME"], v["NHOS_LOCALE"]
	ops := []rootfs.Op{
		text("/etc/hostname", s.Hostname.Value+"\n", host),
		text("/etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\t"+s.Hostname.Value+"\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n", host),
		text("/etc/os-release", osRelease(img), append(distribution(img), v["NHOS_PRODUCT"], v["NHOS_IMAGE"], v["NHOS_RESPIN"])...),
		text("/etc/issue", img.Product.Value+` \n \l`+"\n\n", v["NHOS_PRODUCT"]),
		text("/etc/locale.conf", "LANG="+s.Locale.Value+"\n", locale),
		{Kind: rootfs.Symlink, Path: "/etc/default/locale", Target: "../locale.conf"},
		text("/etc/default/keyboard", fmt.Sprintf("XKBMODEL=\"pc105\"\nXKBLAYOUT=\"%s\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n", s.Keyboard.Value), v["NHOS_KEYBOARD"]),
		{Kind: rootfs.Symlink, Path: "/etc/localtime", Target: "/usr/share/zoneinfo/" + s.Timezone.Value, From: []rootfs.Cause{v["NHOS_TIMEZONE"]}},
		text("/etc/timezone", s.Timezone.Value+"\n", v["NHOS_TIMEZONE"]),
	}
	if s.Locale.Value != builtInLocale {
		ops = append(ops,
			text("/etc/locale.gen", s.Locale.Value+" UTF-8\n", locale),
			rootfs.Op{
				Kind: rootfs.Command, Argv: []string{"locale-gen"}, Environment: map[string]string{"NHOS_LOCALE": s.Locale.Value},
				From: []rootfs.Cause{locale},
			})
	}
	user := useradd(s.User)
	user.From = account(v)
	ops = append(ops, user)
	const autologin = "/etc/systemd/system/getty@tty1.service.d/autologin.conf"
	if s.User.Autologin.Value {
		return append(ops, text(autologin,
			"[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin "+s.User.Name.Value+" --noclear --nohints - $TERM\n",
			v["NHOS_AUTOLOGIN"], v["NHOS_USER"]))
	}
	// Said in so many words, so that a respin can take back what its image allows.
	return append(ops, rootfs.Op{Kind: rootfs.Remove, Path: autologin, From: []rootfs.Cause{v["NHOS_AUTOLOGIN"]}})
}

// builtInLocale needs no package: the C library has it.
const builtInLocale = "C.UTF-8"

// osRelease names the product; the distribution stays readable to programs, since it is what they run on.
func osRelease(img *definition.Image) string {
	return fmt.Sprintf(`PRETTY_NAME="%[1]s"
NAME="%[1]s"
ID=%[2]s
VERSION_CODENAME=%[3]s
IMAGE_ID=%[4]s
VARIANT_ID=%[5]s
`, img.Product.Value, img.Base.Distribution, img.Base.Suite, img.Name, img.ID())
}

func text(path, content string, from ...rootfs.Cause) rootfs.Op {
	return rootfs.Op{Kind: rootfs.Write, Path: path, Mode: 0o644, Content: content, From: from}
}

// useradd makes the default user. The password stays locked: nobody logs in with one that everybody knows.
func useradd(u definition.User) rootfs.Op {
	argv := []string{"useradd", "--create-home", "--home-dir", home(u.Name.Value), "--shell", "/bin/bash", "--comment", u.FullName.Value}
	if groups := groupList(u); groups != "" {
		argv = append(argv, "--groups", groups)
	}
	return rootfs.Op{Kind: rootfs.Command, Argv: append(argv, u.Name.Value), Why: "making the default user " + u.Name.Value}
}

// usermod turns the user that the image has into the respin's.
func usermod(from, to definition.User) []rootfs.Op {
	old, name := from.Name.Value, to.Name.Value
	argv := []string{"usermod", "--comment", to.FullName.Value, "--groups", groupList(to)}
	var ops []rootfs.Op
	if old != name {
		argv = append(argv, "--login", name, "--home", home(name), "--move-home")
		ops = append(ops, rootfs.Op{Kind: rootfs.Command, Argv: []string{"groupmod", "--new-name", name, old}, Why: "renaming the default user"})
	}
	return append(ops, rootfs.Op{Kind: rootfs.Command, Argv: append(argv, old), Why: "changing the default user"})
}

func groupList(u definition.User) string {
	var groups []string
	for _, g := range u.Groups {
		groups = append(groups, g.Value)
	}
	return strings.Join(groups, ",")
}

// settable says whether the packages that a setting needs are there.
func settable(img *definition.Image, l *lock.Lock, in ...lock.Layer) error {
	needs := []struct {
		setting, value, builtIn, pkg string
		origin                       definition.Origin
	}{
		{"locale", img.Settings.Locale.Value, builtInLocale, "locales", img.Settings.Locale.Origin},
		{"timezone", img.Settings.Timezone.Value, "Etc/UTC", "tzdata", img.Settings.Timezone.Origin},
		{"keyboard", img.Settings.Keyboard.Value, "us", "keyboard-configuration", img.Settings.Keyboard.Origin},
	}
	for _, n := range needs {
		if n.value != n.builtIn && !l.Provides(n.pkg, in...) {
			return ui.Hint(
				img.ErrorAt(n.origin, fmt.Sprintf("%s %s needs package %q, which the image doesn't have", n.setting, n.value, n.pkg)),
				"add "+n.pkg+" to packages: add:")
		}
	}
	return nil
}
