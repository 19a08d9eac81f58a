package actor

import (
	"context"
	"errors"
	"time"
)

// ModuleName is the import module, and the name under which an instance carries
// its Activation as state.
const ModuleName = "godwit_actor"

// Exports by which a module says what it is; all have the type () -> ().
const (
	// ExportHandle makes it a reactor: it is called for each message.
	ExportHandle = "godwit_handle"
	// ExportSave has the guest hand over its state with save, before an upgrade.
	ExportSave = "godwit_save"
	// ExportLoad has the guest take over, as the current message, what the module
	// before it handed over.
	ExportLoad = "godwit_load"
)

// Bounds that an Activation may rely on: calls beyond them do not reach it.
const (
	MaxPayload = 1 << 20   // bytes of a message or reply
	MaxName    = 255       // bytes of an actor's name
	MaxState   = 256 << 20 // bytes that save hands over
	MaxLog     = 64 << 10  // bytes of one log call
)

// Kind is what a message is.
type Kind uint32

// The kinds, as the guest sees them.
const (
	KindSend  Kind = 1 // wants no reply
	KindAsk   Kind = 2 // wants one reply, or a refusal
	KindReply Kind = 3 // the answer to an ask made with AskAsync; Token is the ask
	KindTimer Kind = 4 // a timer is due; Token is what it was set with
	KindLoad  Kind = 5 // the state from before an upgrade; only within ExportLoad
)

// MessageID names a message to those who reply to it.
type MessageID [16]byte

// Message is one that the guest receives.
type Message struct {
	Kind Kind
	ID   MessageID
	// Sender is the name of the actor that it is from; empty if it is a client's.
	Sender string
	// Token: see the kinds; 0 for the others.
	Token uint64
	// Failed tells of a reply that it is a refusal, whose text is the payload.
	Failed  bool
	Payload []byte
}

// Level is how urgent a log line is.
type Level uint32

// The levels, as those of log/slog.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Errors that an Activation's methods return; each has an errno (see the package
// documentation). Any other error becomes EIO.
var (
	ErrNoMessage  = errors.New("no such message, or it has its reply already")
	ErrNoActor    = errors.New("no actor of that name")
	ErrTimeout    = errors.New("time is up")
	ErrFailed     = errors.New("the other side refused")
	ErrFull       = errors.New("too much is under way")
	ErrExists     = errors.New("there is another of that name")
	ErrNotAllowed = errors.New("not allowed here")
	ErrInvalid    = errors.New("invalid argument")
)

// ErrSuspend is what Receive and Await return, where the guest can be suspended,
// instead of waiting: the call into the guest then ends (hostabi.Suspend), and when the
// guest is resumed it makes the same call again.
var ErrSuspend = errors.New("suspend the guest")

// Activation is what an actor's guest is given by the node that runs it. It is
// called on the guest's goroutine, with arguments whose bounds were checked; byte
// slices alias guest memory and must be copied to be kept. What it returns must be
// a function of what the actor's log holds, so that a replay gets the same.
type Activation interface {
	// Message is the message that the guest is at work on, nil if none. It does not
	// change until the next one is received.
	Message() *Message
	// Receive waits for the next message, and makes it the current one: for at most
	// so long, or for ever if wait is negative. ErrTimeout if there was none;
	// ErrNotAllowed in a reactor.
	Receive(ctx context.Context, wait time.Duration) (*Message, error)
	// Reply answers an ask, with a refusal if failed. ErrNoMessage.
	Reply(id MessageID, payload []byte, failed bool) error
	// Send sends a message to an actor: ErrFull, or it will be delivered once.
	Send(to string, payload []byte) error
	// Ask sends a message that wants a reply, and returns the number of the ask. The
	// reply comes from Await or, if async, as a message. A wait of 0 or less is the
	// node's default. ErrFull.
	Ask(to string, payload []byte, wait time.Duration, async bool) (uint64, error)
	// Await waits for the reply to an ask and takes it; Answer has it then, also that
	// of a refusal (ErrFailed). ErrTimeout, ErrNoActor; ErrNoMessage if there is no
	// such ask, or its reply was taken.
	Await(ctx context.Context, ask uint64) error
	// Answer is what Await got last; it does not change until the next Await.
	Answer() []byte
	// SetTimer makes a message of KindTimer come once after delay, and returns what
	// CancelTimer takes. ErrFull.
	SetTimer(delay time.Duration, token uint64) (uint64, error)
	// CancelTimer takes a timer back. ErrNoMessage if it is due already.
	CancelTimer(timer uint64) error
	// Spawn makes an actor of the module of that CID; empty is the guest's own. It is
	// not an error here if the name is taken: messages go to the one who has it.
	Spawn(name, module string) error
	// Stop ends the actor, once the guest has returned. It keeps its name and state,
	// and takes no messages until it is started again.
	Stop(reason string)
	// Save takes the state to hand over to another module. ErrNotAllowed outside
	// ExportSave.
	Save(state []byte) error

	Name() string
	// Epoch is the number of this activation; see Epoch in the package documentation.
	Epoch() uint64
	// Now is the time since the Unix epoch in nanoseconds.
	Now() int64
	Random(p []byte)
	Log(level Level, text string)
}
