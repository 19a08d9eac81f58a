# Everything here needs Go and nothing else, but for the target examples (see .ci/run).

GO        ?= go
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
BENCH     ?= .

# Packages whose tests exercise concurrency, run once more under the race
# detector. It needs cgo; without a C compiler this round is left out. Those that
# link the mesh take long to build anew: `make race` runs them as well.
RACE := ./internal/api/... ./hostabi/... ./runtime/internal/linmem/... ./checkpoint/...
RACE_MESH := . ./cmd/... ./blobs/... ./scheduler/gossip/... ./actors/activation

# Of the runtime's tests, those that exercise concurrency: the others interpret
# billions of instructions.
RACE_RUNTIME := ^Test(Concurrent|Precopy|Close|HostFunctions|Stopped|Ended|DiskCache)

.PHONY: build nvml test race lint bench fuzz examples demo help
.DEFAULT_GOAL := build

build: ## build the command into bin/godwit, and bin/godwit-gpu, which it starts where a guest asks for a device
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/godwit ./cmd/godwit-gpu

nvml: ## the same, with NVIDIA's management library for doctor and capacity (needs a C compiler)
	CGO_ENABLED=1 $(GO) build -trimpath -tags nvml -o bin/ ./cmd/godwit ./cmd/godwit-gpu

test: ## run all tests, then the concurrent packages under the race detector
ifeq ($(shell $(GO) env CGO_ENABLED),1)
	$(GO) test -race -short -timeout 20m $(RACE)
	$(GO) test -race -short -run '$(RACE_RUNTIME)' ./runtime
	$(GO) test -tags nvml ./hostabi/gpu/nvml
endif
	$(GO) test -timeout 20m ./internal/layout # builds for all platforms, which later tests find built
	$(GO) test -timeout 20m ./...

race: ## run everything concurrent under the race detector (needs a C compiler)
	$(GO) test -race -short -timeout 30m $(RACE) $(RACE_MESH)
	$(GO) test -race -short -run '$(RACE_RUNTIME)' ./runtime

lint: ## gofmt, go vet, staticcheck, govulncheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt'd:" $$unformatted; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	.ci/vulncheck

bench: ## run all benchmarks (BENCH=regexp, BENCHTIME=1s)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem -timeout 60m ./...

fuzz: ## run each fuzz target for FUZZTIME=10s
	.ci/fuzz $(FUZZTIME)

examples: ## rebuild the .wasm of the examples from source (needs clang, rustc, wabt)
	$(MAKE) -C examples

demo: build ## run four examples, with what they used, and a mesh of three nodes with tasks and an actor
	.ci/demo bin/godwit

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
