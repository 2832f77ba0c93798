package plan_test

import (
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/rootfs"
)

// A script that names NHOS_PACKAGE_SOURCE is told the definition's mirror, if it is one that a running system may use.
func TestPackageSource(t *testing.T) {
	for mirror, want := range map[string]string{
		"auto":                               "",
		"file:/srv/debian":                   "",
		"https://mirror.example/debian":      "https://mirror.example/debian",
		"http://ward:tea@mirror.example/deb": "",
	} {
		t.Run(mirror, func(t *testing.T) {
			w := newWorld(t).replace(t, "keyring: test.gpg", "keyring: test.gpg\nmirror: "+mirror)
			w.definitions += "-- features/sources/feature.yaml --\ndescription: Sources\n-- features/sources/scripts/10-sources --\n#!/bin/sh\necho $NHOS_PACKAGE_SOURCE\n"
			w = w.replace(t, "features:\n", "features:\n  - sources\n")
			p := w.mustPlan(t, "desk")
			var told []string
			for _, l := range p.Layers {
				for _, op := range l.Ops {
					if v, ok := op.Environment["NHOS_PACKAGE_SOURCE"]; ok && op.Kind == rootfs.Script {
						told = append(told, v)
					}
				}
			}
			if got := strings.Join(told, "|"); len(told) != 1 || got != want {
				t.Errorf("scripts are told %q, not %q once", told, want)
			}
			if _, ok := p.Medium.Environment["NHOS_PACKAGE_SOURCE"]; ok {
				t.Error("the medium is told, too")
			}
		})
	}
}
