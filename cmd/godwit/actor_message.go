package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/godwit-run/godwit/internal/api"
)

// messageFlags are the flags of `godwit actor send` and `ask`.
type messageFlags struct {
	timeout timeoutValue
	key     string
}

const aboutPayload = `PAYLOAD is bytes: the argument itself, "@FILE" for those of a file, "-" for standard
input. Any node takes it, wherever the actor lives, and holds it while the actor moves
or comes up elsewhere.`

func newActorSend(r *remote) *cobra.Command {
	f := messageFlags{timeout: timeoutValue(30 * time.Second)}
	cmd := &cobra.Command{
		Use: "send NAME PAYLOAD", Short: "Send an actor a message",
		Long: `Sends an actor a message and prints its id once it is acknowledged: it cannot be
lost any more. What it does, happens once.

` + aboutPayload,
		Example: `  godwit actor send counter inc
  godwit actor send picture @photo.png`,
		Args:              exactly(2, "name an actor and give a payload"),
		ValidArgsFunction: r.completesFirst(actorNames),
		RunE: r.asks(func(s *session, args []string) error {
			id, _, err := s.message(f, args, func(ctx context.Context, m api.ActorMessage) (string, []byte, error) {
				id, err := s.SendMessage(ctx, m)
				return id, nil, err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.out, id)
			return err
		}),
	}
	f.register(cmd)
	return cmd
}

func newActorAsk(r *remote) *cobra.Command {
	f := messageFlags{timeout: timeoutValue(30 * time.Second)}
	cmd := &cobra.Command{
		Use: "ask NAME PAYLOAD", Short: "Send an actor a message and print its reply",
		Long: `Sends an actor a message, waits for the reply and prints its bytes. If the actor
fails at the message, that had no effect, and the exit code says how: 134 it trapped
or ended, 123 out of fuel. 126 it refused. 124 is no reply in time: the message may
still take effect. 125 is an actor most of whose nodes are gone, among other things:
the message says whether it may still take effect.

` + aboutPayload,
		Example:           `  godwit actor ask counter get`,
		Args:              exactly(2, "name an actor and give a payload"),
		ValidArgsFunction: r.completesFirst(actorNames),
		RunE: r.asks(func(s *session, args []string) error {
			_, reply, err := s.message(f, args, s.AskActor)
			if err != nil {
				return err
			}
			if isTerminal(os.Stdout) && !bytes.HasSuffix(reply, []byte{'\n'}) {
				reply = append(reply, '\n')
			}
			_, err = s.out.Write(reply)
			return err
		}),
	}
	f.register(cmd)
	return cmd
}

func (f *messageFlags) register(cmd *cobra.Command) {
	cmd.Flags().Var(&f.timeout, "timeout", "give up after a `TIME`")
	cmd.Flags().StringVar(&f.key, "idempotency-key", "", "messages with the same `KEY` are one")
}

// message sends a payload by post, which is repeated while the node cannot be
// reached: the key makes one message of them.
func (s *session) message(f messageFlags, args []string, post func(context.Context, api.ActorMessage) (string, []byte, error)) (id string, reply []byte, err error) {
	m := api.ActorMessage{Name: args[0], Key: f.key}
	if m.Key == "" {
		m.Key = strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	if m.Payload, err = readPayload(args[1]); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Duration(f.timeout))
	defer cancel()
	for tries := 0; ; tries++ {
		id, reply, err = post(ctx, m)
		// What cannot be reached at first is a wrong address, later a node that is
		// started anew.
		if !errors.Is(err, api.ErrInterrupted) && (tries == 0 || !lost(err)) {
			return id, reply, messageEnding(args[0], err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return "", nil, messageEnding(args[0], context.Cause(ctx))
		}
	}
}

// messageEnding says what became of a message.
func messageEnding(name string, err error) error {
	var failed *api.MessageError
	switch {
	case errors.As(err, &failed) && failed.Kind() != "":
		return hintedError{err, "it had no effect; godwit actor logs " + name + " may say more"}
	case errors.Is(err, context.DeadlineExceeded):
		return hintedError{fmt.Errorf("no answer in time: %w", err), "the message may still take effect; wait longer with --timeout"}
	}
	return err
}

// maxPayload bounds what is read of a file or standard input, in bytes: more than an
// actor takes.
const maxPayload = 64 << 20

// readPayload reads what PAYLOAD names.
func readPayload(arg string) ([]byte, error) {
	name, isFile := strings.CutPrefix(arg, "@")
	if arg != "-" && !isFile {
		return []byte(arg), nil
	}
	return readBounded(name, maxPayload)
}
