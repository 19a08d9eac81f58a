package godwit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-run/godwit/internal/api"
)

const (
	bankAccounts = 50
	bankOpening  = 1000
)

// bank is accounts that are actors, on nodes that are processes.
type bank struct {
	t     *testing.T
	nodes []*process

	mu       sync.RWMutex // held for writing while a node's client changes
	acked    map[string]transfer
	ackedMu  sync.Mutex
	sent     atomic.Int64
	failed   atomic.Int64
	hurts    atomic.Int64
	silent   sync.Map    // accounts of which it was told why they are, and when
	deadline time.Time   // of what is under way
	calm     atomic.Bool // all nodes are back: whoever is silent now has no reason
}

// transfer is one that was acknowledged.
type transfer struct {
	from, to string
	amount   int
}

func account(i int) string { return fmt.Sprintf("account-%d", i) }

// ask asks an account by way of some node, again and again with the same key until
// there is an answer, by another node each time.
func (b *bank) ask(name, what, key string) (string, error) {
	began := time.Now()
	for {
		reply, err := b.askOnce(name, what, key)
		var refused *api.RemoteError
		if err == nil || errors.As(err, &refused) && refused.Problem.Status < 500 && refused.Problem.Status != 429 {
			return reply, err
		}
		b.failed.Add(1)
		b.explain(name, what, began, err)
		if time.Now().After(b.deadline) {
			return "", fmt.Errorf("%s to %s: no answer: %w", what, name, err)
		}
	}
}

// silence is after what time without an answer it is told what the nodes know of an
// account.
const silence = 20 * time.Second

// explain says once what the nodes know of an account that has been silent for long.
func (b *bank) explain(name, what string, began time.Time, err error) {
	if time.Since(began) < silence {
		return
	}
	if _, before := b.silent.LoadOrStore([2]any{name, b.calm.Load()}, true); before {
		return
	}
	replicas, unknown := b.client().ActorReplicas(b.t.Context(), name)
	say := b.t.Logf
	if b.calm.Load() {
		say = b.t.Errorf
	}
	say("%s to %s: no answer for %v: %v", what, name, time.Since(began), cmp.Or(unknown, err))
	for _, r := range replicas {
		b.t.Logf("%s: %s %s", r.Node, r.Role, cmp.Or(r.Error, r.Detail))
	}
}

// client is that of some node.
func (b *bank) client() *api.Client {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.nodes[rand.N(len(b.nodes))].client
}

func (b *bank) askOnce(name, what, key string) (string, error) {
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
	defer cancel()
	_, reply, err := b.client().AskActor(ctx, api.ActorMessage{Name: name, Payload: []byte(what), Key: key})
	return string(reply), err
}

func (b *bank) open() {
	f, err := os.Open("examples/bank/bank.wasm")
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	code, err := b.nodes[0].client.PutFile(b.t.Context(), f, api.PutOptions{Pin: true})
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range bankAccounts {
		p := b.nodes[i%len(b.nodes)]
		if _, err := p.client.CreateActor(b.t.Context(), api.ActorCreation{Request: api.ActorRequest{Name: account(i), Module: code.CID}}); err != nil {
			b.t.Fatal(err)
		}
		if _, err := b.ask(account(i), fmt.Sprint("open ", bankOpening), "open"); err != nil {
			b.t.Fatal(err)
		}
	}
}

// teller transfers money until ctx is done.
func (b *bank) teller(ctx context.Context, number int) {
	for n := 0; ctx.Err() == nil; n++ {
		from, to := rand.N(bankAccounts), rand.N(bankAccounts-1)
		if to >= from {
			to++
		}
		t := transfer{account(from), account(to), 1 + rand.N(50)}
		note := fmt.Sprintf("t%d-%d", number, n)
		b.sent.Add(1)
		_, err := b.ask(t.from, fmt.Sprintf("transfer %s %d %s", t.to, t.amount, note), note)
		switch {
		case err == nil:
			b.ackedMu.Lock()
			b.acked[note] = t
			b.ackedMu.Unlock()
		case !strings.Contains(err.Error(), "only"):
			b.t.Errorf("transfer %s: %v", note, err)
		}
	}
}

// hurters is how many nodes are hurt at once: of three replicas, two may be away.
const hurters = 2

// hurtAll hurts one node after the other, of those whose turn it is.
func (b *bank) hurtAll(ctx context.Context, turn int) {
	for ctx.Err() == nil {
		b.hurt(b.nodes[turn+hurters*rand.N((len(b.nodes)-turn+hurters-1)/hurters)])
		b.hurts.Add(1)
		select {
		case <-time.After(rand.N(2 * time.Second)):
		case <-ctx.Done():
		}
	}
}

// hurt kills a node and starts it again, or stops it for a while.
func (b *bank) hurt(p *process) {
	if rand.N(2) == 0 {
		p.cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(rand.N(3 * time.Second)) // what is done to the node, not a wait for something
		p.cmd.Process.Signal(syscall.SIGCONT)
		return
	}
	p.cmd.Process.Kill()
	p.cmd.Wait()
	time.Sleep(rand.N(time.Second))
	b.mu.Lock()
	defer b.mu.Unlock()
	p.client.Close()
	p.start()
}

// ledgers are all lines of all accounts: by account and note, the amount and the
// other side.
func (b *bank) ledgers() map[string]map[string]string {
	all := make(map[string]map[string]string)
	for i := range bankAccounts {
		text, err := b.ask(account(i), "ledger", "")
		if err != nil {
			b.t.Fatal(err)
		}
		all[account(i)] = make(map[string]string)
		for line := range strings.Lines(text) {
			amount, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			with, note, _ := strings.Cut(rest, " ")
			if _, twice := all[account(i)][note]; twice {
				b.t.Errorf("%s has %s twice", account(i), note)
			}
			all[account(i)][note] = amount + " " + with
		}
	}
	return all
}

func (b *bank) total() int {
	sum := 0
	for i := range bankAccounts {
		text, err := b.ask(account(i), "balance", "")
		if err != nil {
			b.t.Fatal(err)
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			b.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// check waits until all money has arrived, and looks for every acknowledged transfer
// on both sides.
func (b *bank) check() {
	for b.total() != bankAccounts*bankOpening {
		if time.Now().After(b.deadline) {
			b.t.Fatalf("%d of %d are there", b.total(), bankAccounts*bankOpening)
		}
	}
	ledgers := b.ledgers()
	for note, t := range b.acked {
		if got, want := ledgers[t.from][note], fmt.Sprintf("-%d %s", t.amount, t.to); got != want {
			b.t.Errorf("transfer %s was acknowledged; %s has %q, not %q", note, t.from, got, want)
		}
		if got, want := ledgers[t.to][note], fmt.Sprintf("+%d %s", t.amount, t.from); got != want {
			b.t.Errorf("transfer %s was acknowledged; %s has %q, not %q", note, t.to, got, want)
		}
	}
}

// A bank of 50 accounts on five nodes, which are killed and stopped at random, two at a
// time, for as long as GODWIT_CHAOS says, or for two minutes where GODWIT_CI is set: no
// money is made or lost, every transfer that was acknowledged is on both sides, and every
// account answers once all nodes are back.
func TestBank(t *testing.T) {
	text := os.Getenv("GODWIT_CHAOS")
	if text == "" && os.Getenv("GODWIT_CI") != "" && !testing.Short() {
		text = "2m"
	}
	if text == "" {
		t.Skip("set GODWIT_CHAOS to a time, such as 1m")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	b := &bank{t: t, nodes: spawnMesh(t, 5, Config{}), acked: make(map[string]transfer), deadline: time.Now().Add(time.Minute)}
	b.open()
	b.deadline = time.Now().Add(length + time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() { b.teller(ctx, i) })
	}
	for i := range hurters {
		work.Go(func() { b.hurtAll(ctx, i) })
	}
	work.Wait()
	b.calm.Store(true)
	b.check()
	t.Logf("%d times a node was hurt, %d transfers, %d acknowledged, %d asked again", b.hurts.Load(), b.sent.Load(), len(b.acked), b.failed.Load())
	if len(b.acked) == 0 {
		t.Error("nothing was transferred: the test shows nothing")
	}
}
