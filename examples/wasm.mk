# How WebAssembly guests are built, for the makefiles of examples/ and of
# runtime/testdata/guests/. Building twice gives the same bytes, and no path of
# the machine that builds ends up in a module.
#
# C is compiled and linked in two steps on purpose: given -O at the link, clang
# runs whatever wasm-opt it finds on the PATH, and the bytes would depend on it.
# llvm-strip -g drops debug information and keeps the function names, so that
# traps can be read; NAMES = -Wl,-s drops those too. Rust's names are long: they
# go, unless RUSTSTRIP = none.

CLANG   ?= clang
STRIP   ?= llvm-strip
RUSTC   ?= /usr/bin/rustc
GO      ?= go
WAT2WASM ?= wat2wasm

CFLAGS    = -O2 -Wall -Wextra -ffile-prefix-map=$(CURDIR)=.
LDFLAGS   =
NAMES     =
RUSTSTRIP = symbols
RUSTFLAGS = -O -C panic=abort -C lto -C codegen-units=1 -C strip=$(RUSTSTRIP) --remap-path-prefix=$(CURDIR)=.
GOFLAGS_WASM = -trimpath -buildvcs=false -ldflags="-s -w -buildid="

need = @command -v $(1) >/dev/null || { echo >&2 "make: $(1) is needed to build $@. hint: $(2)"; exit 1; }
need_c    = $(call need,$(CLANG),apt-get install clang lld llvm wasi-libc libclang-rt-14-dev-wasm32)
need_llvm = $(call need,$(STRIP),apt-get install llvm)
need_rust = $(call need,$(RUSTC),apt-get install rustc libstd-rust-dev-wasm32$(,) or set RUSTC)
need_go   = $(call need,$(GO),install Go from https://go.dev/dl)
need_wat  = $(call need,$(WAT2WASM),apt-get install wabt)
, := ,

.DELETE_ON_ERROR:

%.o: %.c
	$(need_c)
	$(CLANG) --target=wasm32-wasi $(CFLAGS) -c -o $@ $<

%.wasm: %.o
	$(need_llvm)
	$(CLANG) --target=wasm32-wasi $(LDFLAGS) $(NAMES) -o $@ $(filter %.o,$^) $(LDLIBS)
	$(STRIP) -g $@
	@chmod 644 $@

%.wasm: %.rs
	$(need_rust)
	$(need_llvm)
	$(RUSTC) --target wasm32-wasi $(RUSTFLAGS) -o $@ $<
	$(STRIP) -g $@
	@chmod 644 $@

%.wasm: %.wat
	$(need_wat)
	$(WAT2WASM) --debug-names -o $@ $<

%.wasm: %.go
	$(need_go)
	GOOS=wasip1 GOARCH=wasm $(GO) build $(GOFLAGS_WASM) -o $@ $<
	@chmod 644 $@
