# Two commands on a fresh machine with Go: make demo, make test.
GO      ?= go
TOOL     = $(GO) tool -modfile=tools/go.mod
export CGO_ENABLED ?= 0

.PHONY: all build web browser screenshots demo test test-api test-arm64 test-deb test-formats test-python release-snapshot race race-slow lint vulnerabilities cross bench bench-peers generate tiny ffmpeg clean

all: build

build:            ## build bin/clipcue
	$(GO) build -trimpath -o bin/clipcue ./cmd/clipcue

demo: ffmpeg build ## render videos, train on them, evaluate, classify others
	bin/clipcue demo --out demo

# Packages with the longest tests, which start first, so that both cores are busy to the end.
LONG = ./video ./cmd/clipcue

test: ffmpeg browser ## the tests that every change must pass; CLIPCUE_SLOW=1 adds the slow ones
	$(GO) vet ./...
	$(GO) test -timeout 30m $(LONG) ./...

test-api: ffmpeg  ## the API against its specification, with schemathesis from PyPI
	GO="$(GO)" scripts/test-api.sh

test-python: ffmpeg ## the wheel, in an empty virtual environment
	GO="$(GO)" scripts/test-python.sh

test-deb:         ## the Debian package in a new tree; needs root
	GO="$(GO)" scripts/test-deb.sh

test-formats: ffmpeg ## files of marks with the libraries of other programs, from PyPI
	GO="$(GO)" scripts/test-formats.sh

test-arm64:       ## arithmetic, towers and adapters on arm64, under qemu-user
	GO="$(GO)" scripts/test-arm64.sh

# Packages whose tests take minutes with the race detector, because they train
# models, run the whole program or decode many videos.
SLOW_RACE = /cmd/|/browsertest$$|/bench/|/task/[a-z]+$$|clipcue/video$$

race: ffmpeg      ## the race detector, without the slow packages
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $$($(GO) list ./... | grep -vE '$(SLOW_RACE)')

race-slow: ffmpeg ## the race detector on the slow packages
	CGO_ENABLED=1 $(GO) test -race -timeout 60m $$($(GO) list ./... | grep -E '$(SLOW_RACE)')

lint:             ## gofmt, go vet, the page's types, golangci-lint (.golangci.yml), govulncheck
	test -z "$$(gofmt -l .)" || { echo 'these files need gofmt:'; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags packaging ./cmd/clipcue
	scripts/check-web.sh
	$(TOOL) golangci-lint run --timeout 15m ./...
	$(MAKE) vulnerabilities

vulnerabilities:  ## govulncheck, if its database can be reached
	@out=$$($(TOOL) govulncheck ./... 2>&1); code=$$?; \
	if [ $$code -ne 0 ] && echo "$$out" | grep -q 'fetching vulnerabilities'; then \
		echo 'govulncheck: skipped, its database cannot be reached'; \
	else echo "$$out"; exit $$code; fi

# The training of the built-in backbone, which takes more than half an hour.
TINY_RECIPE = --synth --seed 1 --image-size 64 --patch-size 8 --vision-width 192 --vision-layers 4 --text-width 128 --text-layers 3 \
	--embed 128 --merges 2000 --batch 128 --chunk 128 --steps 6500 --learning-rate 1e-3 --warmup 300 --ema-decay 0.999 --half

tiny:             ## train clipcue-tiny from scratch in tiny/ and install it
	$(GO) run ./cmd/clipcue pretrain --out tiny --resume $(TINY_RECIPE)
	cp tiny/best.safetensors clip/tiny/clipcue-tiny.safetensors

cross:            ## build without cgo for every supported platform
	@for p in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do \
		echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build ./... || exit 1; done

release-snapshot: ## archives, packages and wheels of the checked-out commit in dist/
	rm -rf dist
	$(GO) run ./internal/release --out dist

bench:            ## all Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-peers: ffmpeg ## compare with other programs, which it installs; tens of minutes
	$(GO) run ./bench/peers
	$(GO) run ./bench/peers --cpu avx2
	$(GO) run ./bench/peers --readme

generate:         ## regenerate the assembly, the tokenizer's tables and NOTICE
	$(GO) generate ./...
	$(GO) run ./internal/notice

web:              ## bundle the page of clipcue serve after a change to its sources
	$(GO) run ./internal/web/build
	scripts/check-web.sh

browser:          ## install Chromium and axe-core for the tests of the page if they are missing
	@scripts/need-browser.sh

screenshots: ffmpeg browser build ## make the images of the page in docs/images
	$(GO) run ./internal/web/browsertest/shots bin/clipcue docs/images

ffmpeg:           ## install ffmpeg if it is missing
	@scripts/need-ffmpeg.sh

clean:
	rm -rf bin demo dist tiny
