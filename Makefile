# Two commands on a fresh machine with Go: make demo, make test.
GO      ?= go
TOOL     = $(GO) tool -modfile=tools/go.mod
export CGO_ENABLED ?= 0

.PHONY: all build demo test slow lint vulnerabilities cross bench bench-peers generate tiny ffmpeg clean

all: build

build:            ## the program, bin/clipcue
	$(GO) build -trimpath -o bin/clipcue ./cmd/clipcue

demo: ffmpeg build ## see the whole thing work, from nothing
	bin/clipcue demo --out demo

test: ffmpeg      ## what a change has to pass; CI sets CLIPCUE_SLOW=1 for the slow tests too
	$(GO) vet ./...
	$(GO) test -timeout 30m ./...

.PHONY: test-arm64
test-arm64:       ## the arithmetic, the towers and prompts for arm64, under qemu-user
	GO="$(GO)" scripts/test-arm64.sh

race: ffmpeg
	CGO_ENABLED=1 $(GO) test -race -timeout 60m ./...

lint:
	test -z "$$(gofmt -l .)" || { echo 'these files need gofmt:'; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(MAKE) vulnerabilities

vulnerabilities:  ## govulncheck, where its database can be reached
	@out=$$($(TOOL) govulncheck ./... 2>&1); code=$$?; \
	if [ $$code -ne 0 ] && echo "$$out" | grep -q 'fetching vulnerabilities'; then \
		echo 'govulncheck: its database cannot be reached from here: skipped'; \
	else echo "$$out"; exit $$code; fi

# How the backbone that comes with the program was trained: half an hour or more.
TINY_RECIPE = --synth --seed 1 --image-size 64 --patch-size 8 --vision-width 192 --vision-layers 4 --text-width 128 --text-layers 3 \
	--embed 128 --merges 2000 --batch 128 --chunk 128 --steps 6500 --learning-rate 1e-3 --warmup 300 --ema-decay 0.999 --half

tiny:             ## train clipcue-tiny again, into tiny/, and put it in its place
	$(GO) run ./cmd/clipcue pretrain --out tiny --resume $(TINY_RECIPE)
	cp tiny/best.safetensors clip/tiny/clipcue-tiny.safetensors

cross:            ## everything builds without cgo, wherever clipcue runs
	@for p in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do \
		echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build ./... || exit 1; done

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-peers: ffmpeg ## clipcue beside ONNX Runtime and PyTorch, which it installs; ten minutes
	$(GO) run ./bench/peers

generate:
	$(GO) generate ./...

ffmpeg:           ## the decoder that clipcue runs
	@scripts/need-ffmpeg.sh

clean:
	rm -rf bin demo tiny
