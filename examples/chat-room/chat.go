//go:build wasip1

// A chat room and its members, each an actor, on whatever nodes: one module for
// both. To a member: "enter ROOM", "say TEXT", "read", "leave". To a room: "who".
package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/godwit-run/godwit/hostabi/guest"
)

// As a room.
var members []string

// As a member.
var (
	room   string
	unread []string
)

// maxUnread is how many lines wait for a member who does not read; the oldest go.
const maxUnread = 1000

//go:wasmexport godwit_handle
func handle() {
	guest.Handle(func(m guest.Message) ([]byte, error) {
		verb, rest, _ := strings.Cut(string(m.Payload), " ")
		if m.Sender != "" {
			return fromActor(m.Sender, verb, rest)
		}
		return fromClient(verb, rest)
	})
}

func fromClient(verb, rest string) ([]byte, error) {
	switch verb {
	case "enter":
		return enter(rest)
	case "leave":
		return tell("leave")
	case "say":
		return tell("say " + rest)
	case "read":
		return read(), nil
	case "who":
		return []byte(strings.Join(members, "\n")), nil
	}
	return nil, errors.New("want enter ROOM, say TEXT, read, leave or who")
}

// fromActor is what rooms and members say to each other.
func fromActor(sender, verb, rest string) ([]byte, error) {
	switch verb {
	case "join":
		return join(sender)
	case "leave":
		members = slices.DeleteFunc(members, func(m string) bool { return m == sender })
		return nil, broadcast(sender + " leaves")
	case "say":
		return nil, broadcast(sender + ": " + rest)
	case "line":
		unread = append(unread, rest)
		unread = unread[max(0, len(unread)-maxUnread):]
	}
	return nil, nil
}

// enter asks a room to let this member in.
func enter(name string) ([]byte, error) {
	reply, err := guest.Call(name, []byte("join"), 0)
	if err == nil {
		room = name
	}
	return reply, err
}

func tell(what string) ([]byte, error) {
	if room == "" {
		return nil, errors.New("not in a room")
	}
	return []byte("ok"), guest.Tell(room, []byte(what))
}

func read() []byte {
	lines := strings.Join(unread, "\n")
	unread = nil
	return []byte(lines)
}

func join(sender string) ([]byte, error) {
	if !slices.Contains(members, sender) {
		members = append(members, sender)
	}
	return []byte("welcome to " + guest.Name()), broadcast(sender + " enters")
}

// broadcast sends a line to all members.
func broadcast(line string) error {
	for _, m := range members {
		if err := guest.Tell(m, []byte("line "+line)); err != nil {
			return err
		}
	}
	return nil
}

func main() {}
