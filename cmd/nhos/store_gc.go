package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

func newStoreGC(f *flags) *cobra.Command {
	var most, keep string
	var limits store.Limits
	c := &cobra.Command{
		Use: "gc", Short: "Remove what was not used for longest",
		Long: `gc removes steps, packages, indexes and failed layers that were kept, the one that was not used for longest first, until
no more than --max is left. What was used within --keep stays whatever its size, and so does what a running build has
looked at, or a person looks into. With --keep alone, all else goes.

NHOS_STORE_MAX sets --max once and for all; builds then keep to it at their end.`,
		Example: `  nhos store gc --max 40G
  nhos store gc --keep 30d --dry-run     what was not used for a month`,
		Args: exactArgs(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if most == "" && keep == "" {
				return ui.Usage(ui.Hint(errors.New("nhos store gc takes --max or --keep"), "nhos store gc --help shows examples"))
			}
			var err error
			if most != "" {
				if limits.Max, err = ui.ParseBytes(most); err != nil {
					return ui.Usage(fmt.Errorf("--max or NHOS_STORE_MAX: %w", err))
				}
			}
			if keep != "" {
				if limits.Keep, err = ui.ParseDuration(keep); err != nil {
					return ui.Usage(fmt.Errorf("--keep: %w", err))
				}
			}
			s, err := f.openStore()
			if err != nil {
				return err
			}
			done, err := s.Collect(c.Context(), limits)
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), done)
			}
			for _, e := range done.Removed {
				switch e.Kind {
				case store.Package:
				case store.Failed:
					fmt.Fprintf(c.OutOrStdout(), "failed layer of %s, kept %s\n", e.Name, when(e.Used))
				default:
					fmt.Fprintf(c.OutOrStdout(), "%s, last used %s\n", e.Name, when(e.Used))
				}
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), collected(done, limits.DryRun))
			return err
		},
	}
	c.Flags().StringVar(&most, "max", os.Getenv("NHOS_STORE_MAX"), "`SIZE` that may stay: 40G, 512M (also NHOS_STORE_MAX)")
	c.Flags().StringVar(&keep, "keep", "", "keep what was used within this `TIME`: 30d, 36h")
	c.Flags().BoolVar(&limits.DryRun, "dry-run", false, "remove nothing, say what would go")
	return c
}

// collected says what came of a collection in one line.
func collected(done *store.Collected, dry bool) string {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	text := fmt.Sprintf("%s %d entries, %s; %s stay", verb, len(done.Removed), ui.Bytes(done.Freed), ui.Bytes(done.Stays))
	if done.Held {
		text += ", since another build works with them"
	}
	return text
}

// storeMax reads the size that a build is to hold the store to at its end; nil for none.
func storeMax(most string) (*store.Limits, error) {
	if most == "" {
		return nil, nil
	}
	size, err := ui.ParseBytes(most)
	if err != nil {
		return nil, ui.Usage(fmt.Errorf("--store-max or NHOS_STORE_MAX: %w", err))
	}
	return &store.Limits{Max: size}, nil
}

// keepToSize holds the store to its size after a build.
func keepToSize(ctx context.Context, s *store.Store, limits *store.Limits, progress ui.Progress) error {
	if limits == nil {
		return nil
	}
	phase := progress.Begin("store", 0)
	done, err := s.Collect(ctx, *limits)
	if err != nil {
		phase.Fail(err)
		return err
	}
	phase.Done(collected(done, false))
	return nil
}
