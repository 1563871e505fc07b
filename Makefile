# Everything an operator or a developer does here, one target each. `make help` lists them.

HOST ?= 127.0.0.1
PORT ?= 2283
DATA ?= ./data

# One set of flags for the release build: the static standard library saves about 4 MB of resident memory (docs/architecture.md).
RELEASE := -c release --static-swift-stdlib --product nightstand
BINARY  := .build/release/nightstand

BUILD_PACKAGES := libcurl4-openssl-dev libsqlite3-dev libssl-dev pkg-config zlib1g-dev
TEST_PACKAGES  := caddy chromium curl ffmpeg fonts-dejavu-core haproxy libimage-exiftool-perl libvips-tools nginx-light openssl python3 \
                  python3-venv strace

.DEFAULT_GOAL := help
DEMO    := .build/demo

.PHONY: help run demo clean-demo build test check lint floors bench image-test screenshots reference clean packages test-packages

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build  ## build, then serve ./data on http://127.0.0.1:2283 (HOST=0.0.0.0 lets phones in; also PORT=, DATA=)
	@scripts/run $(BINARY) --host $(HOST) --port $(PORT) --data $(DATA)

demo: build test-packages  ## a library with life in it: two phones and a laptop for sixty days (PORT=)
	@scripts/demo $(BINARY) $(DEMO)/data $(PORT)

clean-demo:  ## take the demo library away
	rm -rf $(DEMO)

build: packages  ## the release binary: .build/release/nightstand
	swift build $(RELEASE)

test: packages test-packages  ## all tests, with everything they need
	@scripts/test "$(BINARY)" "$(RELEASE)"

check: packages lint floors test  ## what a change must pass: format, floors, warnings as errors, tests

lint:
	swift format lint --strict --recursive Sources Tests Package.swift

floors: packages  # a target that imports what Package.swift does not grant it is an error; so is every warning
	@scripts/packages python3
	@scripts/floors
	swift build --build-tests --explicit-target-dependency-import-check error

bench: build  ## speed and memory against nginx, copyparty and Hummingbird (takes long)
	Benchmarks/setup
	Benchmarks/run

image-test: test-packages  ## build the container image, run it, store a photo in it, restart it, read the photo back
	@scripts/venv
	.venv/bin/pytest Tests/image

screenshots: build test-packages  ## draw docs/images anew
	@scripts/venv
	UPDATE_SCREENSHOTS=1 NIGHTSTAND_BINARY=$(BINARY) .venv/bin/pytest Tests/page

reference: build  ## write docs/configuration.md from the program's own table
	$(BINARY) configuration --markdown > docs/configuration.md

clean:  ## remove what was built; your data stays
	rm -rf .build .venv
	find Tests Benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@scripts/packages $(BUILD_PACKAGES)
	@scripts/toolchain

test-packages:
	@scripts/packages $(TEST_PACKAGES)
