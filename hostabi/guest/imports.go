//go:build wasip1

package guest

import "unsafe"

// The imports, as package hostabi/actor specifies them. Buffers go as pointer and
// length, like strings do by themselves.

//go:wasmimport godwit_actor message
func hostMessage(info *info) uint32

//go:wasmimport godwit_actor receive
func hostReceive(timeout int64, info *info) uint32

//go:wasmimport godwit_actor payload
func hostPayload(to unsafe.Pointer, n, offset uint32, count *uint32) uint32

//go:wasmimport godwit_actor sender
func hostSender(to unsafe.Pointer, n uint32, count *uint32) uint32

//go:wasmimport godwit_actor reply
func hostReply(id *MessageID, payload unsafe.Pointer, n uint32) uint32

//go:wasmimport godwit_actor refuse
func hostRefuse(id *MessageID, reason string) uint32

//go:wasmimport godwit_actor send
func hostSend(to string, payload unsafe.Pointer, n uint32) uint32

//go:wasmimport godwit_actor ask
func hostAsk(to string, payload unsafe.Pointer, n uint32, timeout int64, flags uint32, ask *uint64) uint32

//go:wasmimport godwit_actor await
func hostAwait(ask uint64, count *uint32) uint32

//go:wasmimport godwit_actor answer
func hostAnswer(to unsafe.Pointer, n, offset uint32, count *uint32) uint32

//go:wasmimport godwit_actor timer
func hostTimer(delay int64, token uint64, id *uint64) uint32

//go:wasmimport godwit_actor cancel
func hostCancel(id uint64) uint32

//go:wasmimport godwit_actor spawn
func hostSpawn(name, module string) uint32

//go:wasmimport godwit_actor stop
func hostStop(reason string) uint32

//go:wasmimport godwit_actor name
func hostName(to unsafe.Pointer, n uint32, count *uint32) uint32

//go:wasmimport godwit_actor epoch
func hostEpoch() uint64

//go:wasmimport godwit_actor log
func hostLog(level uint32, text string) uint32

//go:wasmimport godwit_actor save
func hostSave(state unsafe.Pointer, n uint32) uint32
