# Everything here works on a fresh machine that has Go, make and git.

GO            ?= go
TOOLS         := $(CURDIR)/.tools
GOLANGCI_LINT := $(TOOLS)/golangci-lint

# What the tests and checks are run with. A change here is a change of the tools.
MINIO_VERSION         := v0.0.0-20260212201848-7aac2a2c5b7c
FAKE_GCS_VERSION      := v1.56.1
MC_VERSION            := v0.0.0-20250313080218-cf909e1063a9
GOLANGCI_LINT_VERSION := v2.14.0
TEST_CLIENTS          := curl lftp

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
# Google's library reaches its store by gRPC too, which nothing here uses: 13 MB less without.
TAGS    := disable_grpc_modules
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The race detector needs a C compiler, which a fresh machine need not have. RACE=-race insists.
RACE ?= $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Start a gateway without any configuration, files land in ./tidegate-data
	@$(GO) run -tags '$(TAGS)' ./cmd/tidegate serve

.PHONY: build
build: ## Build the static binary ./tidegate
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o tidegate ./cmd/tidegate

.PHONY: test
test: tools-test ## Get what the tests need, then run them all, under the race detector if there is a C compiler
	$(GO) test $(RACE) -timeout 20m $(TESTFLAGS) ./...

.PHONY: test-backends
test-backends: tools-test ## Run the conformance suite on all four stores: as they are, behind a prefix, without each ability
	$(GO) test $(RACE) -timeout 20m $(TESTFLAGS) ./backends/...

.PHONY: test-large
test-large: tools-test ## Send 5 GiB through a gateway with 64 MiB to MinIO and back, and show its memory
	$(GO) test -timeout 20m -count=1 -v -run TestFlatMemory ./integration -gibibytes 5

.PHONY: lint
lint: tools-lint ## Run golangci-lint
	$(GOLANGCI_LINT) run ./...

.PHONY: fmt
fmt: tools-lint ## Format the code and its imports
	$(GOLANGCI_LINT) fmt ./...

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./...

.PHONY: docs
docs: ## Write the generated part of the documents anew
	$(GO) test ./config -run TestReference -update
	$(GO) test ./integration -run TestCapabilityTable -update

.PHONY: compose-test
compose-test: ## Try docker-compose.yml: upload over FTP, read the object back
	integration/compose/try

.PHONY: tools
tools: tools-test tools-lint ## Get the tools of the tests and checks into .tools

.PHONY: tools-test
tools-test:
	@GO='$(GO)' .ci/get-tool minio github.com/minio/minio '$(MINIO_VERSION)'
	@GO='$(GO)' .ci/get-tool fake-gcs-server github.com/fsouza/fake-gcs-server '$(FAKE_GCS_VERSION)'
	@.ci/get-azurite
	@.ci/get-clients $(TEST_CLIENTS)

# Only where compose-test cannot pull MinIO's image.
.PHONY: tools-compose
tools-compose:
	@GO='$(GO)' .ci/get-tool minio github.com/minio/minio '$(MINIO_VERSION)'
	@GO='$(GO)' .ci/get-tool mc github.com/minio/mc '$(MC_VERSION)'

.PHONY: tools-lint
tools-lint:
	@GO='$(GO)' .ci/get-tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint '$(GOLANGCI_LINT_VERSION)'

.PHONY: clean
clean: ## Remove what was built; .tools and tidegate-data stay
	rm -rf tidegate dist
