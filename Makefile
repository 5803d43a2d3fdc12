# Every target installs what it needs and misses, says so, and may be called again at any time.
# `make run ARGS="--addr 0.0.0.0:3000"` and `make e2e ARGS="--headed"` hand arguments on.

.PHONY: help run cluster build dev test e2e chaos lint fmt clean
.DEFAULT_GOAL := help

help: ## Show these targets
	@sed -n 's/^\([a-z0-9]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-8s %s\n", $$1, $$2 }'

run: build ## Build in release and start natter on http://localhost:3000
	@exec target/release/natter serve $(ARGS)

cluster: build ## The same in front of three nats-servers that keep everything threefold
	@scripts/cluster.sh $(ARGS)

build: ## Leave target/release/natter, which runs from any folder
	@scripts/build.sh release

dev: ## Serve with live reload (cargo leptos watch)
	@scripts/dev.sh

test: ## Run all tests: Rust's and the browser's
	@scripts/test.sh rust browser

e2e: ## Run the browser tests alone
	@scripts/test.sh browser $(ARGS)

chaos: ## Half an hour of faults, at random from a seed (ARGS="--seed 7 --seconds 600")
	@scripts/test.sh chaos --seconds 1800 --clients 12 --pages 3 --pace 80 --only $(ARGS)

lint: ## Check format and lints of Rust, protobuf, CSS, TypeScript, JSON and shell
	@scripts/lint.sh

fmt: ## Format all of it
	@scripts/lint.sh --fix

clean: ## Remove what was built; tools and data stay
	@scripts/clean.sh
