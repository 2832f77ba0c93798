package media

import (
	"fmt"
	"strings"

	"nhos.org/nhos/internal/manifest"
)

// entries are those of the boot menu, from the top. A title has a place for the product's name.
var entries = []struct{ id, title string }{
	{"start", "Start %s"},
	{"check", "Check the medium and start %s"},
	{"ram", "Start %s from RAM"},
}

// Menu is GRUB's configuration.
//
// A virtual machine whose last SMBIOS OEM string asks for it gets the kernel's console on its serial port too, so that
// a test sees what happens before anything of ours runs. Nothing else can be asked for in this way.
//
// An image's own look (theme.txt) needs GRUB's graphics; with it, the kernel starts on the screen that GRUB has set up, so that
// the boot splash follows without a black screen between. What a look must say that theme.txt can't stands in theme.cfg.
//
// Every entry has the roots of the layers' digests on the kernel's line. They are one word of a menu's variable, so that who
// edits an entry sees a line that can be read.
func Menu(c Content, layers []Layer) string {
	arguments := strings.Join(append([]string{"boot=live"}, c.KernelArguments...), " ")
	var b strings.Builder
	fmt.Fprintf(&b, `# %[1]s: the boot menu
set timeout=%[2]d
set default=start

if loadfont unicode; then
	set gfxmode=auto
	insmod all_video
	insmod gfxterm
	terminal_output gfxterm
	if [ -e /boot/grub/theme/theme.txt ]; then
		insmod gfxmenu
		insmod png
		set theme=/boot/grub/theme/theme.txt
		set gfxpayload=keep
		if [ -e /boot/grub/theme/theme.cfg ]; then
			source /boot/grub/theme/theme.cfg
		fi
	fi
fi
set menu_color_normal=light-gray/black
set menu_color_highlight=black/light-gray

insmod smbios
set console=
if smbios --type 11 --get-string 4 --set oem; then
	if [ "$oem" = "nhos:console=ttyS0" ]; then
		set console="console=tty0 console=ttyS0,115200 plymouth.ignore-serial-consoles"
	fi
fi
set roots="%[3]s"
`, c.Product, int(c.MenuTimeout.Seconds()), roots(layers))
	for _, entry := range entries {
		fmt.Fprintf(&b, `
menuentry "%s" --id %s {
	linux /live/vmlinuz %s $roots $console
	initrd /live/initrd.img
}
`, fmt.Sprintf(entry.title, c.Product), entry.id, strings.TrimSpace(arguments+" "+manifest.EntryArguments[entry.id]))
	}
	return b.String()
}

// roots is the word on the kernel's line by which live-boot has each block of the layers held against its digest.
func roots(layers []Layer) string {
	var words []string
	for _, l := range layers {
		words = append(words, l.Name+":"+l.Root)
	}
	if len(words) == 0 {
		return ""
	}
	return "dm-verity-root-hash=" + strings.Join(words, ",")
}
