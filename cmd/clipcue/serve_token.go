package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/internal/text"
)

func (a *app) serveTokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Add, list or remove the tokens with which others use a server",
		Long: `A token lets a person or a program use clipcue serve. With the role view it searches and
plays; with the role edit it also teaches labels and indexes videos. People enter their
token once on the login page. Programs send it as "Authorization: Bearer TOKEN".

As soon as there is a token, every request needs one. A running server notices changes
within a second. Only hashes of the tokens are stored.`,
		Example: "  clipcue serve token add anna --role edit\n  clipcue serve token list\n  clipcue serve token remove anna",
	}
	c.AddCommand(a.serveTokenAddCommand(), a.serveTokenListCommand(), a.serveTokenRemoveCommand())
	onlySubcommands(c)
	return c
}

func (a *app) serveTokenAddCommand() *cobra.Command {
	var file, role string
	c := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a token and print its secret, which is shown only once",
		Example: "  clipcue serve token add anna --role edit",
		Args:    arguments(1, 1, "one name"),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := access.ParseRole(role)
			if err != nil {
				return usageError{fmt.Errorf("--%w", err)}
			}
			path, err := tokensPath(file)
			if err != nil {
				return err
			}
			secret, err := access.AddToken(path, args[0], r)
			if err == nil {
				_, err = fmt.Fprintln(a.out, secret)
			}
			return err
		},
	}
	c.Flags().StringVar(&role, "role", string(access.View), "what the token allows: view or edit")
	tokensFlag(c, &file)
	return c
}

func (a *app) serveTokenListCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without their secrets",
		Example: "  clipcue serve token list",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			path, err := tokensPath(file)
			if err != nil {
				return err
			}
			list, err := access.ReadTokens(path)
			switch {
			case err != nil:
				return err
			case asJSON:
				return a.json(append([]access.Token{}, list...))
			}
			return a.rows("name\trole\tadded", len(list), func(i int) string {
				t := list[i]
				return fmt.Sprintf("%s\t%s\t%s", text.Quote(t.Name), t.Role, t.Created.Local().Format(time.DateTime))
			})
		},
	}
	flags.JSON(c, &asJSON)
	tokensFlag(c, &file)
	return c
}

func (a *app) serveTokenRemoveCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a token, which ends its sessions",
		Example: "  clipcue serve token remove anna",
		Args:    arguments(1, 1, "one name"),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := tokensPath(file)
			if err != nil {
				return err
			}
			return access.RemoveToken(path, args[0])
		},
	}
	tokensFlag(c, &file)
	return c
}
