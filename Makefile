# Shortcuts. The steps themselves are in scripts/check.sh, which also runs where make is missing.
.PHONY: check test live fix lock core-steps

check: ## format, lint, types, layers, layout, lock, tests
	@./scripts/check.sh

test: ## the tests alone
	@.venv/bin/pytest -n 2 --dist loadfile -q

live: ## what needs a real inference engine or database
	@.venv/bin/pytest -m live -n0

fix: ## format, and repair what ruff can
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lock: ## requirements.lock anew from the pyproject.toml files
	@./scripts/lock.sh

core-steps: ## a million random steps on the memory core
	@./scripts/core-steps.sh
