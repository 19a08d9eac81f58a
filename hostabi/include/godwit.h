/* What the guest of an actor may call, for C and C++. What the calls mean and cost is
 * in hostabi/actor/doc.go. All return 0 or an errno of WASI's, unless another type is
 * given.
 *
 * A reactor defines godwit_handle and is built with
 *
 *	clang --target=wasm32-wasi -O2 -mexec-model=reactor -I hostabi/include x.c -o x.wasm
 *
 *	#include <godwit.h>
 *
 *	static int count;
 *
 *	GODWIT_EXPORT(godwit_handle) void godwit_handle(void) {
 *		char text[16];
 *		int n = snprintf(text, sizeof text, "%d", ++count);
 *		godwit_reply(GODWIT_CURRENT, text, n);
 *	}
 *
 * A process defines main, and loops over godwit_receive.
 */
#ifndef GODWIT_H
#define GODWIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GODWIT_EXPORT(name) __attribute__((export_name(#name)))
#define GODWIT_IMPORT(name) __attribute__((import_module("godwit_actor"), import_name(#name)))

typedef uint32_t godwit_errno;

/* What a message is. */
enum {
	GODWIT_SEND = 1,  /* wants no reply */
	GODWIT_ASK = 2,   /* wants one */
	GODWIT_REPLY = 3, /* to an ask made with GODWIT_ASK_ASYNC; token is the ask */
	GODWIT_TIMER = 4, /* a timer is due; token is what it was set with */
	GODWIT_LOAD = 5   /* the state from before an upgrade */
};

enum {
	GODWIT_E2BIG = 1,
	GODWIT_EAGAIN = 6,
	GODWIT_ECONNREFUSED = 14,
	GODWIT_EEXIST = 20,
	GODWIT_EFAULT = 21,
	GODWIT_EILSEQ = 25,
	GODWIT_EINVAL = 28,
	GODWIT_EIO = 29,
	GODWIT_ENOENT = 44,
	GODWIT_ENOMSG = 49,
	GODWIT_ENOSYS = 52,
	GODWIT_ENOTSUP = 58,
	GODWIT_ETIMEDOUT = 73
};

enum { GODWIT_DEBUG, GODWIT_INFO, GODWIT_WARN, GODWIT_ERROR };

enum { GODWIT_ASK_ASYNC = 1 };

/* The largest message or reply, and name, in bytes. */
#define GODWIT_MAX_PAYLOAD (1u << 20)
#define GODWIT_MAX_NAME 255u

typedef struct {
	uint8_t bytes[16];
} godwit_id;

typedef struct {
	uint32_t kind;
	uint32_t length; /* of the payload */
	uint32_t sender; /* length of the sender's name; 0: a client's */
	uint32_t failed; /* 1: this reply is a refusal */
	godwit_id id;
	uint64_t token;
	uint64_t time; /* nanoseconds since 1970 */
} godwit_info;

_Static_assert(sizeof(godwit_info) == 48, "godwit_info is part of the ABI");

/* The message that is being worked on, for godwit_reply and godwit_refuse. */
#define GODWIT_CURRENT ((const godwit_id *)0)

/* Messages. A negative timeout, in nanoseconds, is for ever. */
GODWIT_IMPORT(message) godwit_errno godwit_message(godwit_info *info);
GODWIT_IMPORT(receive) godwit_errno godwit_receive(int64_t timeout, godwit_info *info);
GODWIT_IMPORT(payload) godwit_errno godwit_payload(void *to, size_t size, size_t offset, uint32_t *n);
GODWIT_IMPORT(sender) godwit_errno godwit_sender(char *to, size_t size, uint32_t *n);
GODWIT_IMPORT(reply) godwit_errno godwit_reply(const godwit_id *id, const void *payload, size_t size);
GODWIT_IMPORT(refuse) godwit_errno godwit_refuse(const godwit_id *id, const char *reason, size_t size);

/* Other actors. A timeout of 0 is the default of 10 s. */
GODWIT_IMPORT(send)
godwit_errno godwit_send(const char *to, size_t to_size, const void *payload, size_t size);
GODWIT_IMPORT(ask)
godwit_errno godwit_ask(const char *to, size_t to_size, const void *payload, size_t size,
	int64_t timeout, uint32_t flags, uint64_t *ask);
GODWIT_IMPORT(await) godwit_errno godwit_await(uint64_t ask, uint32_t *length);
GODWIT_IMPORT(answer) godwit_errno godwit_answer(void *to, size_t size, size_t offset, uint32_t *n);
GODWIT_IMPORT(spawn)
godwit_errno godwit_spawn(const char *name, size_t name_size, const char *module, size_t module_size);

/* Timers: a message of kind GODWIT_TIMER after so many nanoseconds. */
GODWIT_IMPORT(timer) godwit_errno godwit_timer(int64_t delay, uint64_t token, uint64_t *id);
GODWIT_IMPORT(cancel) godwit_errno godwit_cancel(uint64_t id);

/* Itself. */
GODWIT_IMPORT(stop) godwit_errno godwit_stop(const char *reason, size_t size);
GODWIT_IMPORT(name) godwit_errno godwit_name(char *to, size_t size, uint32_t *n);
GODWIT_IMPORT(epoch) uint64_t godwit_epoch(void);
GODWIT_IMPORT(now) int64_t godwit_now(void);
GODWIT_IMPORT(random) godwit_errno godwit_random(void *to, size_t size);
GODWIT_IMPORT(log) godwit_errno godwit_log(uint32_t level, const char *text, size_t size);
GODWIT_IMPORT(save) godwit_errno godwit_save_state(const void *state, size_t size);

#ifdef __cplusplus
}
#endif

#endif
