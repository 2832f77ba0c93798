package scenario

import "regexp"

// A death is how a boot ends badly, and how that looks.
type death struct {
	what   string
	serial *regexp.Regexp // in a line of the serial port, or nil
	screen *regexp.Regexp // in what was read off the screen, or nil
	// told says that a guest which has answered may still have more to tell than this.
	told bool
}

var deaths = []death{
	{
		what:   "the kernel panicked",
		serial: regexp.MustCompile(`Kernel panic - not syncing`),
		screen: regexp.MustCompile(`(?i)kernel panic|not syncing`),
	},
	{
		what:   "the boot ended in the initramfs's shell",
		serial: regexp.MustCompile(`^\(initramfs\)`),
		screen: regexp.MustCompile(`(?im)^\W?initramfs\)|^dracut:/`),
	},
	{
		what:   "GRUB found no file system of its own",
		serial: regexp.MustCompile(`^grub rescue>`),
		screen: regexp.MustCompile(`(?i)grub rescue`),
	},
	{
		what:   "GRUB found no menu",
		serial: regexp.MustCompile(`^grub>`),
		screen: regexp.MustCompile(`(?im)^grub>|minimal bash-?like line editing`),
	},
	{
		what:   "the boot ended in emergency mode",
		serial: regexp.MustCompile(`You are in emergency mode|Entering emergency mode|^dracut:/`),
		screen: regexp.MustCompile(`(?i)in emergency mode|entering emergency mode`),
		told:   true,
	},
	{
		what:   "the firmware found nothing that it could start",
		serial: regexp.MustCompile(`BdsDxe: No bootable option|Press any key to enter the Boot Manager Menu|^UEFI Interactive Shell|^Shell>`),
		screen: regexp.MustCompile(`(?i)no bootable (device|option)|could not read the boot disk|not a bootable disk|boot manager menu|uefi interactive shell|^shell>`),
	},
}

// onlyFirmware matches a screen that shows nothing but the firmware's own: a BIOS whose last line says what it starts,
// or OVMF's logo. Firmware that is slow shows that too, so only one that stays so is dead.
var onlyFirmware = regexp.MustCompile(`(?i)booting from [^\n]*\s*$|tianocore|open platform firmware`)

// firmwareFailed matches the firmware's word on one device; another may come, so it isn't the end yet.
var firmwareFailed = regexp.MustCompile(`BdsDxe: failed to .*`)

// menu matches what boot menus say.
var menu = regexp.MustCompile(`(?i)gnu grub|the highlighted entry|boot menu|isolinux|syslinux|press .?tab|automatic boot in|to edit the commands`)

func deathOnSerial(line string) *death {
	for i, d := range deaths {
		if d.serial != nil && d.serial.MatchString(line) {
			return &deaths[i]
		}
	}
	return nil
}

func deathOnScreen(text string) *death {
	for i, d := range deaths {
		if d.screen != nil && d.screen.MatchString(text) {
			return &deaths[i]
		}
	}
	return nil
}
