# `make run` and `make test` are all a fresh machine with Python 3.11+ needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run dev prefetch test lint translations clean

run: .venv/app
	$(BIN)/streamlit run app.py

dev: .venv/app  # as run, but a page reloads when its source has changed
	$(BIN)/streamlit run app.py --server.fileWatcherType=auto

prefetch: .venv/app  # networks and data sets for a class without internet; NAMES="resnet50 pets" for some
	$(BIN)/python -m core prefetch $(NAMES)

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

translations: .venv/dev  # collect new texts into the catalogues
	$(BIN)/pybabel extract -F assets/locale/babel.cfg -k t -k tn:1,2 -k Problem -k N_ --no-location --sort-output -o assets/locale/messages.pot .
	$(BIN)/pybabel update -i assets/locale/messages.pot -d assets/locale --no-fuzzy-matching --ignore-obsolete

.venv/app: requirements.txt core/install.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m core.install
	touch $@

.venv/dev: .venv/app requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv
