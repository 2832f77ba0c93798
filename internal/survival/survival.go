// Package survival holds the tests that disturb real builds: they kill them, fill their disks, damage their store, and
// take away or spoil the mirror that they fetch from.
//
// After every disturbance the same is asked for: nothing of the build is mounted, runs or lies about half-made; what was
// finished is kept; the message says what to do; and the next build gives, to the byte, the medium that an undisturbed
// one gives.
//
// They take minutes, so they have build tags, as the tests of package acceptance do.
package survival
