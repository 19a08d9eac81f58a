package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
)

func newActor() *cobra.Command {
	var r remote
	cmd := noun("actor", "Keep WebAssembly programs alive under names")
	cmd.Long = `An actor is a program with a name, a mailbox and a memory that lasts. Any node takes
messages for it. Several nodes keep it: when the one that it lives on dies, it goes on
elsewhere with everything that was acknowledged, and migrate moves it while it runs.`
	r.register(cmd)
	cmd.AddCommand(newActorCreate(&r), newActorSend(&r), newActorAsk(&r), newActorLs(&r), newActorShow(&r), newActorLogs(&r),
		newActorMigrate(&r), newActorSnapshot(&r), newActorRestore(&r), newActorUpgrade(&r), newActorRm(&r))
	return cmd
}

func newActorLs(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "ls", Short: "List the actors of the mesh", Args: cobra.NoArgs,
		RunE: r.asks(func(s *session, _ []string) error {
			list, err := s.Actors(s.ctx)
			if err != nil {
				return err
			}
			return s.show(format, api.ActorList{Actors: list}, actorGrid(list).write)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func newActorShow(r *remote) *cobra.Command {
	format, replicas := render.Table, false
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Describe an actor: where it is, where it was, what keeps it",
		Args:              exactly(1, "name an actor"),
		ValidArgsFunction: r.completes(actorNames),
		RunE: r.asks(func(s *session, args []string) error {
			if replicas {
				return s.showReplicas(format, args[0])
			}
			a, err := s.Actor(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.showActor(format, a)
		}),
	}
	addFormat(cmd, &format)
	cmd.Flags().BoolVar(&replicas, "replicas", false, "what each node knows of it: why it gives no answer")
	return cmd
}

func newActorLogs(r *remote) *cobra.Command {
	var o api.ActorLogOptions
	format := render.Table
	cmd := &cobra.Command{
		Use: "logs NAME", Short: "Print what an actor has said",
		Long: `Prints what an actor has said, on whatever node it said it: the lines of its
standard output to standard output; those of its standard error and of its log, with
their level, to standard error. As json, a line of JSON for each.`,
		Args:              exactly(1, "name an actor"),
		ValidArgsFunction: r.completes(actorNames),
		RunE:              r.asks(func(s *session, args []string) error { return s.actorLogs(args[0], o, format) }),
	}
	cmd.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on until Ctrl-C")
	cmd.Flags().IntVar(&o.Tail, "tail", 0, "begin with the last `N` lines (default all that are kept)")
	addFormat(cmd, &format)
	return cmd
}

func newActorRm(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME...", Short: "End actors for good, and forget what they knew",
		Args:              atLeastOne("name an actor"),
		ValidArgsFunction: r.completes(actorNames),
		RunE: r.asks(func(s *session, args []string) error {
			for _, name := range args {
				if err := s.RemoveActor(s.ctx, name); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		}),
	}
}
