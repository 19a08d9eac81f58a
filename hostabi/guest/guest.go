//go:build wasip1

package guest

import (
	"structs"
	"time"
	"unsafe"
)

// Kind is what a message is.
type Kind uint32

// The kinds.
const (
	Send  Kind = 1 // wants no reply
	Ask   Kind = 2 // wants one
	Reply Kind = 3 // to an ask made with AskLater; Token is the ask
	Timer Kind = 4 // a timer is due; Token is what it was set with
	Load  Kind = 5 // the state from before an upgrade
)

// MessageID names a message.
type MessageID [16]byte

// Message is one that this actor got.
type Message struct {
	Kind Kind
	ID   MessageID
	// Sender is the name of the actor it is from; empty if it is a client's.
	Sender string
	// Token: see the kinds.
	Token uint64
	// Failed tells of a Reply that it is a refusal, with its reason as payload.
	Failed  bool
	Payload []byte
}

// Errno is an error number of the host: see package hostabi/actor.
type Errno uint32

// The error numbers that programs look for.
const (
	TooBig    Errno = 1
	Full      Errno = 6
	Refused   Errno = 14
	Invalid   Errno = 28
	NoActor   Errno = 44
	NoMessage Errno = 49
	NoSupport Errno = 58
	TimedOut  Errno = 73
)

// Error is what the number means.
func (e Errno) Error() string {
	switch e {
	case TooBig:
		return "too big"
	case Full:
		return "too much under way"
	case Refused:
		return "refused"
	case Invalid:
		return "invalid argument"
	case NoActor:
		return "no such actor"
	case NoMessage:
		return "no such message"
	case NoSupport:
		return "not supported here"
	case TimedOut:
		return "timed out"
	}
	return "actor host error"
}

// RefusedError is the other side's refusal of an ask.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Is tells that the error is Refused.
func (e *RefusedError) Is(target error) bool { return target == Refused }

// Forever is a wait without end.
const Forever = time.Duration(-1)

func check(e uint32) error {
	if e == 0 {
		return nil
	}
	return Errno(e)
}

func pointer(b []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))
}

// info is the host's description of a message.
type info struct {
	_                            structs.HostLayout
	kind, length, sender, failed uint32
	id                           MessageID
	token, time                  uint64
}

// read makes a message of its description.
func (i *info) read() Message {
	m := Message{Kind: Kind(i.kind), ID: i.id, Token: i.token, Failed: i.failed != 0}
	var n uint32
	m.Payload = make([]byte, i.length)
	p, size := pointer(m.Payload)
	hostPayload(p, size, 0, &n)
	sender := make([]byte, i.sender)
	p, size = pointer(sender)
	hostSender(p, size, &n)
	m.Sender = string(sender)
	return m
}

// Current is the message that the actor is at work on.
func Current() (Message, error) {
	var i info
	if err := check(hostMessage(&i)); err != nil {
		return Message{}, err
	}
	return i.read(), nil
}

// Receive waits for the next message, of an actor that is a process. The error is
// TimedOut if there was none.
func Receive(wait time.Duration) (Message, error) {
	var i info
	if err := check(hostReceive(int64(wait), &i)); err != nil {
		return Message{}, err
	}
	return i.read(), nil
}

// Handle is the whole of godwit_handle: it calls f with the current message, and if
// that is an ask replies with what f returns, or refuses with its error. An f that
// replies itself, or later, returns nil, nil.
func Handle(f func(Message) ([]byte, error)) {
	m, err := Current()
	if err != nil {
		Log(Error, err.Error())
		return
	}
	switch reply, err := f(m); {
	case err != nil && m.Kind == Ask:
		m.Refuse(err.Error())
	case err != nil:
		Log(Error, err.Error())
	case reply != nil && m.Kind == Ask:
		m.Reply(reply)
	}
}

// Reply answers an ask. It may be called later than the message it belongs to.
func (m *Message) Reply(payload []byte) error {
	p, n := pointer(payload)
	return check(hostReply(&m.ID, p, n))
}

// Refuse answers an ask with a failure.
func (m *Message) Refuse(reason string) error { return check(hostRefuse(&m.ID, reason)) }

// Tell sends a message to an actor by name.
func Tell(to string, payload []byte) error {
	p, n := pointer(payload)
	return check(hostSend(to, p, n))
}

// Call asks an actor and waits for its reply; a wait of 0 is the host's default. A
// refusal is a *RefusedError.
func Call(to string, payload []byte, wait time.Duration) ([]byte, error) {
	ask, err := begin(to, payload, wait, 0)
	if err != nil {
		return nil, err
	}
	return Await(ask)
}

// Begin asks an actor without waiting: Await takes the reply.
func Begin(to string, payload []byte, wait time.Duration) (ask uint64, err error) {
	return begin(to, payload, wait, 0)
}

// AskLater asks an actor; the reply comes as a message of kind Reply, whose Token is
// the ask.
func AskLater(to string, payload []byte, wait time.Duration) (ask uint64, err error) {
	return begin(to, payload, wait, 1)
}

func begin(to string, payload []byte, wait time.Duration, flags uint32) (ask uint64, err error) {
	p, n := pointer(payload)
	err = check(hostAsk(to, p, n, int64(wait), flags, &ask))
	return ask, err
}

// Await waits for the reply to an ask that Begin made.
func Await(ask uint64) ([]byte, error) {
	var n uint32
	err := check(hostAwait(ask, &n))
	if err != nil && err != Refused {
		return nil, err
	}
	answer := make([]byte, n)
	p, size := pointer(answer)
	hostAnswer(p, size, 0, &n)
	if err != nil {
		return nil, &RefusedError{string(answer)}
	}
	return answer, nil
}

// After has a message of kind Timer come after a delay.
func After(delay time.Duration, token uint64) (timer uint64, err error) {
	err = check(hostTimer(int64(delay), token, &timer))
	return timer, err
}

// Cancel takes a timer back; NoMessage if it is due already.
func Cancel(timer uint64) error { return check(hostCancel(timer)) }

// Spawn makes an actor of the module with that CID, or of this one if it is empty.
// If there is one of that name nothing happens.
func Spawn(name, module string) error { return check(hostSpawn(name, module)) }

// Stop ends this actor when the message is done.
func Stop(reason string) error { return check(hostStop(reason)) }

// Name is this actor's name.
func Name() string {
	name := make([]byte, 255)
	var n uint32
	p, size := pointer(name)
	hostName(p, size, &n)
	return string(name[:n])
}

// Epoch is the number of this activation: to be printed, not to be branched on.
func Epoch() uint64 { return hostEpoch() }

// Level is how urgent a line of the log is.
type Level uint32

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Log writes a line for `godwit actor logs`.
func Log(level Level, text string) { hostLog(uint32(level), text) }

// Save hands over the state, within godwit_save.
func Save(state []byte) error {
	p, n := pointer(state)
	return check(hostSave(p, n))
}
