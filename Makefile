.PHONY: up observability down kind kind-down test proof bench clean

# The installed packages follow the lock file.
node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	touch $@

# `npm ci` builds this file. A `git pull` may change its source without an `npm ci`.
bundle := components/dist/kubernetes-client.cjs
$(bundle): components/kubernetes/kubernetes-client.ts node_modules/.package-lock.json
	npm run -s bundle -w components

# The command `shopzier` is one file, too.
command := components/dist/cli/shopzier.cjs
$(command): $(shell find cli components -name '*.?ts' -o -name '*.ts' | grep -v -e node_modules -e /dist/) node_modules/.package-lock.json
	npm run -s bundle:cli -w components

up: $(bundle) $(command)
	@npm run -s lab -- up

observability: $(bundle) $(command)
	@npm run -s lab -- observability

down: node_modules/.package-lock.json
	@npm run -s lab -- down

# Needs Docker, kind, kubectl and pulumi: docs/kind.md.
kind: $(bundle) $(command)
	@bash kind/up.sh

kind-down:
	@bash kind/down.sh

test: $(bundle) $(command)
	@npm run -s test:all

proof: $(bundle) $(command)
	@npm run -s lab -- up --all
	@npm run -s proof

bench: $(bundle)
	@npm run -s bench

clean: node_modules/.package-lock.json
	@npm run -s lab -- clean
