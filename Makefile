.PHONY: up down test proof bench clean

# The installed packages follow the lock file.
node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	touch $@

# `npm ci` builds this file. A `git pull` may change its source without an `npm ci`.
bundle := components/dist/kubernetes-client.cjs
$(bundle): components/kubernetes/kubernetes-client.ts node_modules/.package-lock.json
	npm run -s bundle -w components

up: $(bundle)
	@npm run -s lab -- up

down: node_modules/.package-lock.json
	@npm run -s lab -- down

test: $(bundle)
	@npm run -s test:all

proof: $(bundle)
	@npm run -s proof

bench: $(bundle)
	@npm run -s bench

clean: node_modules/.package-lock.json
	@npm run -s lab -- clean
