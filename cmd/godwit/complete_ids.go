package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
)

// ids finds what a command may be given: ids that begin with prefix, each with a
// word about it after a tab.
type ids func(ctx context.Context, c *api.Client, prefix string) ([]string, error)

// completes offers ids to the shell, if the node answers at once.
func (r *remote) completes(find ids) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		client, err := r.connect()
		if err != nil {
			return nil, none
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		list, err := find(ctx, client, prefix)
		if err != nil {
			return nil, none
		}
		return list, none
	}
}

// completesFirst is completes for the first argument alone.
func (r *remote) completesFirst(find ids) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return r.completes(find)(cmd, args, prefix)
	}
}

func actorNames(ctx context.Context, c *api.Client, prefix string) (list []string, err error) {
	actors, err := c.Actors(ctx)
	for _, a := range actors {
		if strings.HasPrefix(a.Name, prefix) {
			list = append(list, a.Name+"\t"+a.State)
		}
	}
	return list, err
}

func taskIDs(ctx context.Context, c *api.Client, prefix string) (list []string, err error) {
	tasks, _, err := c.Tasks(ctx, api.TaskFilter{Prefix: prefix, Limit: 100})
	for _, t := range tasks {
		list = append(list, t.ID+"\t"+t.Status)
	}
	return list, err
}

func nodeIDs(ctx context.Context, c *api.Client, prefix string) (list []string, err error) {
	workers, err := c.Workers(ctx)
	for _, w := range workers {
		if strings.HasPrefix(w.ID, prefix) {
			list = append(list, w.ID+"\t"+w.State)
		}
	}
	return list, err
}

func blobIDs(ctx context.Context, c *api.Client, prefix string) (list []string, err error) {
	blobs, err := c.Blobs(ctx)
	for _, b := range blobs {
		if strings.HasPrefix(b.CID, prefix) {
			list = append(list, b.CID+"\t"+b.Name)
		}
	}
	return list, err
}

func modelNames(ctx context.Context, c *api.Client, prefix string) (list []string, err error) {
	models, err := c.Models(ctx)
	for _, m := range models {
		if strings.HasPrefix(m.Name, prefix) {
			list = append(list, m.Name)
		}
	}
	return list, err
}
