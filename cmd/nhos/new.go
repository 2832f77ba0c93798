package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/definition/edit"
	"nhos.org/nhos/internal/ui"
)

func newNew(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use: "new", GroupID: "change", Short: "Write a new respin, image or feature to begin with",
		Args: subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var d edit.Draft
	respin := f.newOf(definition.KindRespin, &d, "Begin a respin: an organisation's own version of an image", `  nhos new respin ward --of desktop
  nhos new respin example --of desktop --product "Example Desktop" --ods RX1`)
	respin.Flags().StringVar(&d.Of, "of", "", "the `image` that it is made from")
	respin.Flags().StringVar(&d.ODSCode, "ods", "", "the organisation's ODS `code`")
	image := f.newOf(definition.KindImage, &d, "Begin an image: one thing that is shipped", "  nhos new image kiosk --product \"NHoS Kiosk\"")
	image.Flags().StringVar(&d.Base, "base", "", "the `base` that it is made from (default: the only one)")
	feature := f.newOf(definition.KindFeature, &d, "Begin a feature: what images take up by name", "  nhos new feature printing")
	for _, k := range []*cobra.Command{respin, image} {
		k.Flags().StringVar(&d.Product, "product", "", "the `name` on screen, in menus and in file names")
	}
	c.AddCommand(respin, image, feature)
	return c
}

// newOf is the command that begins one kind of definition.
func (f *flags) newOf(kind definition.Kind, d *edit.Draft, short, example string) *cobra.Command {
	c := &cobra.Command{
		Use: string(kind) + " NAME", Short: short, Example: example,
		Long: short + ".\n\nThe new file has comments that say what else can be in it, and can be built as it is. Nothing is overwritten.",
		Args: exactArgs(1, "a name of lower-case letters, digits and dashes"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := f.definitionsDir()
			if err != nil {
				return err
			}
			if kind == definition.KindRespin && d.Of == "" {
				return ui.Usage(ui.Hint(errors.New("a respin of which image?"), "--of names it; nhos list says what there is"))
			}
			d.Target = definition.Target{Kind: kind, Name: args[0]}
			file, err := edit.New(dir, *d)
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), map[string]string{"file": file})
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), file)
			return err
		},
	}
	c.Flags().StringVar(&d.Description, "description", "", "one `line` that says what it is")
	return c
}
