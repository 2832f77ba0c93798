package guest

import (
	"encoding/base64"
	"strings"
)

// What the second disk is called and holds.
const (
	DiskLabel = "NHOS-TEST"
	Program   = "nhos"
	JobFile   = "job.json"
)

const mountPoint = "/run/nhos-test"

// unit runs the program. It has no default dependencies, so that it runs early in the boot, waits for nothing and
// holds nothing up: its start job is done at the fork, and neither multi-user.target nor a boot that ends in the
// emergency shell concerns it.
const unit = `[Unit]
Description=Boot test
DefaultDependencies=no
IgnoreOnIsolate=yes

[Service]
Type=simple
ExecStart=/bin/sh -c 'set -e; \
  n=0; until [ -e /dev/disk/by-label/` + DiskLabel + ` ] || [ $$n -ge 600 ]; do n=$$((n+1)); sleep 0.5; done; \
  mkdir -p ` + mountPoint + `; \
  mount -t iso9660 -o ro /dev/disk/by-label/` + DiskLabel + ` ` + mountPoint + `; \
  exec ` + mountPoint + `/` + Program + ` guest'
`

const wants = `[Unit]
Wants=nhos-test.service
`

// Credentials returns the SMBIOS type 11 strings that make a guest's systemd run this package's program
// (systemd.system-credentials(7): systemd.extra-unit.* and systemd.unit-dropin.*).
func Credentials() []string {
	binary := func(name, value string) string {
		return "io.systemd.credential.binary:" + name + "=" + base64.StdEncoding.EncodeToString([]byte(value))
	}
	return []string{
		binary("systemd.extra-unit.nhos-test.service", strings.TrimSpace(unit)+"\n"),
		binary("systemd.unit-dropin.multi-user.target", wants),
	}
}
