package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// Flags that every command has.
type flags struct {
	definitions, store, out, mirror string
	json, quiet                     bool
}

func newRoot(m device.Machine) *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:   "nhos",
		Short: "Make and test images of a Linux desktop for the NHS",
		Long: `nhos turns definition files into a bootable image, boots it, and says what came of it.

Exit codes: 0 done, 1 it failed, 2 the call was wrong, 3 a test of the medium failed, 130 interrupted.`,
		Example: `  nhos show desktop --origin        what the image is, each value with its file and line
  nhos plan desktop                 what a build would make and what it would reuse
  sudo nhos build desktop           make the ISO, its lock and its checksums
  nhos test desktop                 boot it and run its checks
  nhos test other.iso --as usb      boot any ISO
  sudo nhos write desktop /dev/sdb  put it on a stick`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return nil
		},
		// Without one, cobra shows the help before it looks at the arguments.
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return ui.Usage(ui.Hint(err, c.CommandPath()+" --help lists the flags"))
	})
	p := root.PersistentFlags()
	p.StringVar(&f.definitions, "definitions", "", "`folder` of images/, features/ and respins/ (default: the nearest one above the working folder)")
	p.StringVar(&f.store, "store", defaultStore(), "`folder` that keeps what was made and fetched (default: /var/cache/nhos for root, nhos in one's own cache folder for others; also NHOS_STORE)")
	p.StringVar(&f.out, "out", "", "`folder` that media and reports are written to (default: out/ beside the definitions)")
	p.StringVar(&f.mirror, "mirror", os.Getenv("NHOS_MIRROR"), "`URI` of the archive that packages come from, overrides the definition's (also NHOS_MIRROR)")
	p.BoolVar(&f.json, "json", false, "write JSON, for programs")
	p.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress")
	for _, name := range []string{"store", "mirror"} {
		p.Lookup(name).DefValue = "" // the help is the same on every machine
	}
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "Look at definitions:"},
		&cobra.Group{ID: "change", Title: "Change definitions:"},
		&cobra.Group{ID: "make", Title: "Make:"},
		&cobra.Group{ID: "test", Title: "Test:"},
		&cobra.Group{ID: "machine", Title: "This machine:"})
	root.AddCommand(
		newList(f), newShow(f), newGet(f), newSizes(f),
		newSet(f), newUnset(f), newAdd(f), newRemove(f), newNew(f),
		newLock(f), newPlan(f), newBuild(f), newEnter(f), newCompare(f), newSign(f), newWrite(f, m),
		newTest(f), newVerify(f), newReport(f), newEvidence(f),
		newDoctor(f), newStore(f), newGuest(), newMan())
	f.complete(root, m)
	root.SetHelpCommandGroupID("machine")
	root.SetCompletionCommandGroupID("machine")
	return root
}

func unknownCommand(root *cobra.Command, name string) error {
	hint := root.CommandPath() + " --help lists the commands"
	var known []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	if near := ui.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return ui.Usage(ui.Hint(fmt.Errorf("unknown command %q", name), hint))
}

// defaultStore is the cache that fits the user: a system's for root, who makes layers, else a user's own.
func defaultStore() string {
	if dir := os.Getenv("NHOS_STORE"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/cache/nhos"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ".cache/nhos"
	}
	return filepath.Join(dir, "nhos")
}

// definitionsDir is the folder that the definitions are in.
func (f *flags) definitionsDir() (string, error) {
	if f.definitions != "" {
		return f.definitions, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return definition.Find(here)
}

// outDir is where the media and reports of an image go.
func (f *flags) outDir(id string) (string, error) {
	if f.out != "" {
		return filepath.Join(f.out, id), nil
	}
	dir, err := f.definitionsDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "out", id), nil
}

// progress shows long work on w.
func (f *flags) progress(w *os.File) ui.Display {
	if f.quiet {
		return ui.NewProgress(io.Discard, ui.Silent)
	}
	return ui.NewProgress(w, ui.ModeFor(w, f.json))
}

// request opens the store and fills in what every step from a name to a medium needs.
func (f *flags) request(id, lockFile string, progress ui.Progress) (image.Request, error) {
	dir, err := f.definitionsDir()
	if err != nil {
		return image.Request{}, err
	}
	s, err := f.openStore()
	if err != nil {
		return image.Request{}, err
	}
	return image.Request{Definitions: dir, ID: id, Mirror: f.mirror, LockFile: lockFile, Store: s, Progress: progress}, nil
}

// exactArgs is cobra's, with an error that says what is asked for.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return ui.Usage(ui.Hint(errors.New(c.CommandPath()+" takes "+what), c.CommandPath()+" --help shows examples"))
		}
		return nil
	}
}
