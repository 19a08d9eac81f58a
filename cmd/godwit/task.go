package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
	"github.com/godwit-run/godwit/internal/render"
)

func newTask() *cobra.Command {
	var r remote
	cmd := noun("task", "Run WebAssembly programs on the mesh")
	r.register(cmd)
	cmd.AddCommand(newTaskSubmit(&r), newTaskLs(&r), newTaskShow(&r), newTaskLogs(&r), newTaskWait(&r),
		newTaskCancel(&r), newTaskMigrate(&r), newTaskExplain(&r))
	return cmd
}

func newTaskLs(r *remote) *cobra.Command {
	format, filter := render.Table, api.TaskFilter{}
	cmd := &cobra.Command{
		Use: "ls", Short: "List tasks, newest first", Args: cobra.NoArgs,
		RunE: r.asks(func(s *session, _ []string) error {
			list, err := s.tasks(filter)
			if err != nil {
				return err
			}
			return s.show(format, api.TaskList{Tasks: list}, taskGrid(list).write)
		}),
	}
	cmd.Flags().StringVar(&filter.Status, "status", "", "only those: queued, placing, running, succeeded, failed or cancelled")
	cmd.Flags().IntVar(&filter.Limit, "limit", 100, "how many at most; 0 is all")
	complete(cmd, "status", cobra.FixedCompletions([]string{api.StatusQueued, api.StatusPlacing, api.StatusRunning,
		api.StatusSucceeded, api.StatusFailed, api.StatusCancelled}, cobra.ShellCompDirectiveNoFileComp))
	addFormat(cmd, &format)
	return cmd
}

// tasks reads page by page.
func (s *session) tasks(f api.TaskFilter) (list []api.Task, err error) {
	const page = 1000
	for limit := f.Limit; ; {
		f.Limit = page
		if limit > 0 {
			f.Limit = min(page, limit-len(list))
		}
		some, next, err := s.Tasks(s.ctx, f)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		if f.Cursor = next; next == "" || limit > 0 && len(list) >= limit {
			return list, nil
		}
	}
}

func newTaskShow(r *remote) *cobra.Command {
	format := render.Table
	cmd := &cobra.Command{
		Use: "show ID", Short: "Describe a task: its end, where it has been, its outputs",
		Args:              exactly(1, "name a task"),
		ValidArgsFunction: r.completes(taskIDs),
		RunE: r.asks(func(s *session, args []string) error {
			t, err := s.Task(s.ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(format, t, taskFacts(t).write)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func newTaskLogs(r *remote) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "logs ID", Short: "Print what a task has written",
		Long: `Prints what a task has written so far: its standard output to standard output,
its standard error to standard error. With --follow it goes on until the task has
ended, and says how.`,
		Args:              exactly(1, "name a task"),
		ValidArgsFunction: r.completes(taskIDs),
		RunE:              r.asks(func(s *session, args []string) error { return s.logs(args[0], follow) }),
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the task has ended")
	return cmd
}

func newTaskWait(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "wait ID...", Short: "Wait until tasks have ended",
		Long: `Waits until the tasks have ended and prints a line for each. The exit code is
that of godwit task submit: the program's own, or why it failed; with several
tasks that of the first that did not succeed.`,
		Args:              atLeastOne("name a task"),
		ValidArgsFunction: r.completes(taskIDs),
		RunE:              r.asks((*session).waitAll),
	}
}

func newTaskCancel(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "cancel ID...", Short: "Cancel tasks",
		Args:              atLeastOne("name a task"),
		ValidArgsFunction: r.completes(taskIDs),
		RunE: r.asks(func(s *session, args []string) error {
			for _, id := range args {
				t, err := s.Cancel(s.ctx, id)
				if err != nil {
					return err
				}
				fmt.Fprintln(s.out, t.ID, t.Status)
			}
			return nil
		}),
	}
}
