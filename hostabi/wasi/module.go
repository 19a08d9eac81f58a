package wasi

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/godwit-run/godwit/hostabi"
)

// ModuleName is the import module of WASI preview 1, and the name under which
// an instance carries its *System as state.
const ModuleName = "wasi_snapshot_preview1"

// UnstableName is the import module of the version before preview 1, which
// programs of 2019 were built for.
const UnstableName = "wasi_unstable"

// Module is the host module. It is stateless: a function finds the *System of
// its caller by Caller.State(ModuleName), and answers ENOSYS if there is none.
func Module() hostabi.Module { return module(ModuleName, preview1) }

// UnstableModule is the host module of the version before preview 1. It works
// on the same *System, also found by Caller.State(ModuleName).
func UnstableModule() hostabi.Module { return module(UnstableName, unstable) }

func module(name string, a *abi) hostabi.Module {
	m := hostabi.Module{Name: name}
	for _, f := range functions {
		if a == preview1 || f.name != "sock_accept" {
			m.Funcs = append(m.Funcs, f.hostFunc(a))
		}
	}
	return m
}

// abi is where the two versions differ.
type abi struct {
	subscription int                 // size of a subscription
	filestat     int                 // size of a filestat
	links        int                 // where a filestat has the number of links
	whence       [whenceCount]uint32 // the preview 1 whence of each whence
}

var (
	preview1 = &abi{48, 64, 24, [...]uint32{whenceSet, whenceCurrent, whenceEnd}}
	unstable = &abi{56, 56, 20, [...]uint32{whenceCurrent, whenceEnd, whenceSet}}
)

// call is one call of a host function.
type call struct {
	*System
	abi    *abi
	ctx    context.Context
	caller hostabi.Caller
	mem    memory
}

// charge takes the fuel for moving n bytes. It does not return if the fuel does
// not last.
func (c call) charge(n uint64) { c.units(hostabi.UnitsFor(n)) }

// units takes fuel.
func (c call) units(n uint64) {
	if n > 0 {
		c.caller.Charge(n)
	}
}

// suspendWanted is closed when a function that waits should suspend the guest instead; nil
// if it can't.
func (c call) suspendWanted() <-chan struct{} {
	if s, ok := c.caller.(hostabi.Suspender); ok && s.MaySuspend() {
		return s.SuspendWanted()
	}
	return nil
}

// function is an entry of the table: params has one letter for each parameter,
// i for i32 and l for i64; the result is the errno, unless there is none.
type function struct {
	name   string
	params string
	call   func(c call, args []uint64) errno
}

func (f function) hostFunc(a *abi) hostabi.Func {
	params := make([]api.ValueType, len(f.params))
	for i, letter := range f.params {
		params[i] = api.ValueTypeI32
		if letter == 'l' {
			params[i] = api.ValueTypeI64
		}
	}
	results := []api.ValueType{api.ValueTypeI32}
	if f.name == "proc_exit" {
		results = nil
	}
	waits := f.name == "poll_oneoff" || f.name == "fd_read"
	return hostabi.Func{Name: f.name, Params: params, Results: results, Call: f.dispatch(a), Suspends: waits}
}

func (f function) dispatch(a *abi) func(context.Context, hostabi.Caller, []uint64) {
	return func(ctx context.Context, caller hostabi.Caller, stack []uint64) {
		s, ok := caller.State(ModuleName).(*System)
		if !ok || s == nil {
			stack[0] = uint64(enosys)
			return
		}
		c := call{System: s, abi: a, ctx: ctx, caller: caller, mem: caller.Memory()}
		stack[0] = uint64(f.call(c, stack))
	}
}

// functions are all of WASI preview 1.
var functions = []function{
	{"args_get", "ii", call.argsGet},
	{"args_sizes_get", "ii", call.argsSizesGet},
	{"clock_res_get", "ii", call.clockResGet},
	{"clock_time_get", "ili", call.clockTimeGet},
	{"environ_get", "ii", call.environGet},
	{"environ_sizes_get", "ii", call.environSizesGet},
	{"fd_advise", "illi", call.fdAdvise},
	{"fd_allocate", "ill", call.fdAllocate},
	{"fd_close", "i", call.fdClose},
	{"fd_datasync", "i", call.fdDatasync},
	{"fd_fdstat_get", "ii", call.fdFdstatGet},
	{"fd_fdstat_set_flags", "ii", call.fdFdstatSetFlags},
	{"fd_fdstat_set_rights", "ill", call.fdFdstatSetRights},
	{"fd_filestat_get", "ii", call.fdFilestatGet},
	{"fd_filestat_set_size", "il", call.fdFilestatSetSize},
	{"fd_filestat_set_times", "illi", call.fdFilestatSetTimes},
	{"fd_pread", "iiili", call.fdPread},
	{"fd_prestat_dir_name", "iii", call.fdPrestatDirName},
	{"fd_prestat_get", "ii", call.fdPrestatGet},
	{"fd_pwrite", "iiili", call.fdPwrite},
	{"fd_read", "iiii", call.fdRead},
	{"fd_readdir", "iiili", call.fdReaddir},
	{"fd_renumber", "ii", call.fdRenumber},
	{"fd_seek", "ilii", call.fdSeek},
	{"fd_sync", "i", call.fdSync},
	{"fd_tell", "ii", call.fdTell},
	{"fd_write", "iiii", call.fdWrite},
	{"path_create_directory", "iii", call.pathCreateDirectory},
	{"path_filestat_get", "iiiii", call.pathFilestatGet},
	{"path_filestat_set_times", "iiiilli", call.pathFilestatSetTimes},
	{"path_link", "iiiiiii", call.pathLink},
	{"path_open", "iiiiillii", call.pathOpen},
	{"path_readlink", "iiiiii", call.pathReadlink},
	{"path_remove_directory", "iii", call.pathRemoveDirectory},
	{"path_rename", "iiiiii", call.pathRename},
	{"path_symlink", "iiiii", call.pathSymlink},
	{"path_unlink_file", "iii", call.pathUnlinkFile},
	{"poll_oneoff", "iiii", call.pollOneoff},
	{"proc_exit", "i", call.procExit},
	{"proc_raise", "i", call.procRaise},
	{"random_get", "ii", call.randomGet},
	{"sched_yield", "", call.schedYield},
	{"sock_accept", "iii", call.sockAccept},
	{"sock_recv", "iiiiii", call.sockRecv},
	{"sock_send", "iiiii", call.sockSend},
	{"sock_shutdown", "ii", call.sockShutdown},
}
