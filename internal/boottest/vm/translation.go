package vm

import "fmt"

// racesFixed is the first QEMU whose translators are safe from each other's guests. Before it, a thread may translate
// code while another processor of the guest changes it. Linux patches its own code whenever a static key is switched,
// a few times in each boot, by way of a breakpoint; a processor that runs into the breakpoint after it was taken away
// again panics ("Oops: int3", "Fatal exception in interrupt"). A guest of two processors that does nothing but switch a
// key lives for half a minute with QEMU 7.2, and its boots panic now and then on a busy computer.
var racesFixed = [2]int{8, 1}

// tried is the first major version of QEMU that all of this project's media are known to boot with. With 7.2, Cinnamon
// died at its start in two boots of five, in code that Mesa's software renderer has made; what mended it isn't known.
const tried = 10

// Outdated says of a version as [QEMU.Version] returns it that media may fail with it for no fault of their own. One
// that can't be read does.
func Outdated(version string) bool {
	major := 0
	_, err := fmt.Sscanf(version, "%d.", &major)
	return err != nil || major < tried
}

// CPUs is how many processors a guest gets that nobody counted: two, but one where QEMU's translators race.
func (a Accelerator) CPUs(version string) int {
	if a.Name != KVM && translatorsRace(version) {
		return 1
	}
	return 2
}

// arguments choose the accelerator for a guest of so many processors with this version of QEMU.
func (a Accelerator) arguments(cpus int, version string) []string {
	if a.Name == KVM {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	threads := "multi"
	if cpus > 1 && translatorsRace(version) {
		threads = "single" // the processors take turns
	}
	// The flags and the buffer's size halve the time to a login (docs/testing.md). A store into memory that held
	// translated code is slow, one for each iteration of the instruction: without ERMS and FSRM the kernel clears pages by
	// eight bytes at a time, not by one; and a small buffer is emptied now and then, so that pages which held the initrd's
	// programs become fast again. AVX2 goes because QEMU 7.2 gets its gather instructions wrong: programs that draw by LLVM
	// crash in them. AVX goes with it: libgcrypt's code for AVX has instructions of AVX2, and gnome-keyring died of one.
	return []string{"-accel", "tcg,thread=" + threads + ",tb-size=128", "-cpu", "max,-erms,-fsrm,-avx,-avx2"}
}

// translatorsRace tells of a version as [QEMU.Version] returns it. One that can't be read counts as old.
func translatorsRace(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major < racesFixed[0] || major == racesFixed[0] && minor < racesFixed[1]
}
