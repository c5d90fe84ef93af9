.PHONY: up down test bench clean

# The installed packages follow the lock file.
node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	touch $@

up: node_modules/.package-lock.json
	@npm run -s lab -- up

down: node_modules/.package-lock.json
	@npm run -s lab -- down

test: node_modules/.package-lock.json
	@npm run -s test:all

bench: node_modules/.package-lock.json
	@npm run -s bench

clean: node_modules/.package-lock.json
	@npm run -s lab -- clean
