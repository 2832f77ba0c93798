package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nhos.org/nhos/internal/identity/session"
)

// completionTime bounds how long a shell waits for the agent.
const completionTime = 2 * time.Second

// complete makes shells complete what the agent knows: ids of roles and of cards. Nothing else is made up.
func (f *flags) complete(c *cobra.Command) {
	switch {
	case c.ValidArgsFunction != nil:
	case c.Name() == "role":
		c.ValidArgsFunction = f.known(roleIDs)
	default:
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.LocalFlags().VisitAll(func(x *pflag.Flag) {
		if by := f.flagValues(x); by != nil {
			_ = c.RegisterFlagCompletionFunc(x.Name, by)
		}
	})
	for _, sub := range c.Commands() {
		f.complete(sub)
	}
}

func (f *flags) flagValues(x *pflag.Flag) cobra.CompletionFunc {
	switch name, _ := pflag.UnquoteUsage(x); {
	case x.Name == "role":
		return f.known(roleIDs)
	case x.Name == "card":
		return f.known(cardIDs)
	case x.Value.Type() == "bool" || name == "file" || name == "path" || name == "folder":
		return nil
	}
	return cobra.NoFileCompletions
}

// known completes one word by what the agent says of how things stand.
func (f *flags) known(words func(session.Status) []cobra.Completion) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionTime)
		defer cancel()
		s, err := f.status(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(s), cobra.ShellCompDirectiveNoFileComp
	}
}

func roleIDs(s session.Status) (words []cobra.Completion) {
	for _, r := range s.Roles {
		words = append(words, cobra.CompletionWithDesc(r.ID, describe(r)))
	}
	return words
}

func cardIDs(s session.Status) (words []cobra.Completion) {
	for _, r := range s.Readers {
		if r.Card != nil {
			words = append(words, cobra.CompletionWithDesc(string(r.Card.ID), contents(r)))
		}
	}
	return words
}
