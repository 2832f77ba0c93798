package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// complete makes shells complete what a command's usage line names, whichever command it is: "plan IMAGE" takes the name
// of an image. It looks at the definitions and at what the store keeps, so it is quick and needs no network.
func (f *flags) complete(c *cobra.Command, m device.Machine) {
	if words := strings.Fields(c.Use); len(words) > 1 && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = f.arguments(words[1:], m)
	}
	c.LocalFlags().VisitAll(func(x *pflag.Flag) {
		if by := f.flagValues(x); by != nil {
			_ = c.RegisterFlagCompletionFunc(x.Name, by)
		}
	})
	for _, sub := range c.Commands() {
		f.complete(sub, m)
	}
}

// arguments completes by the placeholders of a usage line; the last one may end in dots for more of the same.
func (f *flags) arguments(usage []string, m device.Machine) cobra.CompletionFunc {
	changes := slices.Contains(usage, "KEY") || slices.Contains(usage, "PACKAGE...")
	return func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		last := usage[len(usage)-1]
		if len(args) >= len(usage) && !strings.HasSuffix(last, "...") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		what := usage[min(len(args), len(usage)-1)]
		if strings.Contains(what, "FILE") && !strings.Contains(what, "FILE.iso") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		if what == "DEVICE..." {
			return disks(m, args[1:]), cobra.ShellCompDirectiveNoFileComp
		}
		dir, err := f.definitionsDir()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []string
		switch what {
		case "IMAGE":
			words = f.images(dir)
			if changes { // which any definition file will do for
				words = slices.Concat(words, names(dir, definition.KindFeature, "feature/"), names(dir, definition.KindBase, "base/"))
			}
		case "IMAGE|FILE.iso":
			media, _ := filepath.Glob("*.iso")
			return append(f.images(dir), media...), cobra.ShellCompDirectiveDefault
		case "KEY":
			words = keys(dir, args[0], c.Name() == "set")
		case "VALUE...":
			words = values(dir, args[0], args[1])
		case "FEATURE...":
			words = names(dir, definition.KindFeature, "")
		case "PACKAGE...":
			words = packages(dir, args[0])
			if c.Parent().Name() == "add" && len(typed) > 1 {
				words = append(words, lock.KeptNames(c.Context(), filepath.Join(f.store, "apt"), typed)...)
			}
		}
		rest := slices.DeleteFunc(words, func(w string) bool { return len(args) > 0 && slices.Contains(args[1:], w) })
		return rest, cobra.ShellCompDirectiveNoFileComp
	}
}

// disks are those that may be written to and aren't named yet, each with what it is.
func disks(m device.Machine, named []string) (words []string) {
	all, _ := m.List()
	for _, d := range all {
		if d.Refused == "" && !slices.Contains(named, d.Path) {
			words = append(words, cobra.CompletionWithDesc(d.Path, d.Model+" "+ui.Bytes(d.SizeBytes)))
		}
	}
	return words
}

// images are the names of images and respins.
func (f *flags) images(dir string) []string {
	images, respins, _ := definition.List(dir)
	return append(images, respins...)
}

func names(dir string, kind definition.Kind, prefix string) []string {
	found, _ := definition.Names(dir, kind)
	for i := range found {
		found[i] = prefix + found[i]
	}
	return found
}

// keys are the keys of a definition file, each with what it means.
func keys(dir, of string, settable bool) (words []string) {
	t, err := definition.FindTarget(dir, of)
	if err != nil {
		return nil
	}
	for _, k := range definition.Keys(t.Kind) {
		if !settable || k.Form != definition.FormEntries {
			words = append(words, cobra.CompletionWithDesc(k.Path, k.Description))
		}
	}
	return words
}

// values are what a key may be, where that is one of a few words.
func values(dir, of, path string) []string {
	t, err := definition.FindTarget(dir, of)
	if err != nil {
		return nil
	}
	k, err := definition.FindKey(t.Kind, path)
	switch {
	case err != nil:
		return nil
	case path == "features":
		return names(dir, definition.KindFeature, "")
	case path == "image":
		return names(dir, definition.KindImage, "")
	case path == "base":
		return names(dir, definition.KindBase, "")
	}
	return k.Words
}

// packages are those that a definition names.
func packages(dir, of string) (words []string) {
	t, err := definition.FindTarget(dir, of)
	if err != nil {
		return nil
	}
	for _, path := range []string{"packages.add", "packages.remove"} {
		if k, err := definition.FindKey(t.Kind, path); err == nil {
			values, _ := definition.Values(dir, t, k)
			for _, v := range values {
				words = append(words, v.Value)
			}
		}
	}
	return words
}

// flagValues completes the value of a flag, by the flag's name; what it doesn't know may be a file.
func (f *flags) flagValues(x *pflag.Flag) cobra.CompletionFunc {
	defined := func(kind definition.Kind) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			dir, err := f.definitionsDir()
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return names(dir, kind, ""), cobra.ShellCompDirectiveNoFileComp
		}
	}
	switch x.Name {
	case "firmware":
		return listed("bios", "uefi", "secureboot")
	case "as":
		return listed("cd", "usb")
	case "entry":
		return listed("start", "check", "ram")
	case "format":
		return cobra.FixedCompletions(evidenceFormats, cobra.ShellCompDirectiveNoFileComp)
	case "accelerator":
		return listed("kvm", "tcg")
	case "of":
		return defined(definition.KindImage)
	case "base":
		return defined(definition.KindBase)
	case "definitions", "store", "out", "dir":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "scenario":
		return f.scenarios
	}
	if x.Value.Type() == "bool" || x.Annotations != nil {
		return nil
	}
	if name, _ := pflag.UnquoteUsage(x); name == "FILE" {
		return nil
	}
	return cobra.NoFileCompletions
}

// listed completes one of a few words, or several with commas.
func listed(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var rest []string
		for _, w := range words {
			if !slices.Contains(strings.Split(before, ","), w) {
				rest = append(rest, before+w)
			}
		}
		return rest, cobra.ShellCompDirectiveNoFileComp
	}
}

// scenarios are the files of the definitions' scenarios/.
func (f *flags) scenarios(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	dir, err := f.definitionsDir()
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	found, _ := filepath.Glob(filepath.Join(dir, "scenarios", "*.yaml"))
	for i := range found {
		found[i] = strings.TrimSuffix(filepath.Base(found[i]), ".yaml")
	}
	return found, cobra.ShellCompDirectiveDefault
}
