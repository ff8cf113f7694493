# `make demo` and `make test` do all their own set-up in .venv; nothing but Python >= 3.11 and make is needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo web test test-slow test-release lint clean

.venv/run.done: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15) and "hwgan needs Python 3.11 to 3.14: make PYTHON=python3.12 ...")'
	@echo "installing the Python packages of requirements.txt in .venv: some minutes at most"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev.done: .venv/run.done requirements-dev.txt
	@echo "installing the Python packages of requirements-dev.txt in .venv: some minutes at most"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The page that writes in a browser, in web/dist, with the pretrained weights.
PAGE := $(wildcard web/*.* web/src/*.ts web/src/hand/*.ts hwgan/web.py hwgan/exporting/*.py hwgan/weights/*.npz \
	hwgan/data/replacements.py hwgan/data/letterforms.py hwgan/models/*.py hwgan/sampling/*.py)
# Within what is built, so that it goes with it, as where the page is built with other networks.
BUILT := web/dist/pretrained.done
$(BUILT): .venv/dev.done $(PAGE)
	$(BIN)/python -m hwgan.web --build
	@touch $@

web: $(BUILT)

# A browser for its tests: any Chromium, else Debian's. Where none can be installed, those tests are skipped, and say so.
.venv/browser.done: .venv/dev.done
	@for name in chromium chromium-browser google-chrome-stable google-chrome; do \
		if $$name --version >/dev/null 2>&1; then touch $@; exit 0; fi; \
	done; \
	root=$$([ "$$(id -u)" = 0 ] || echo "sudo -n"); \
	if $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends chromium; then touch $@; \
	else echo "no browser could be installed: the tests of the page will be skipped"; fi

demo: .venv/run.done
	@start=$$(date +%s); \
	$(BIN)/python -m hwgan.main --config=configs/demo.py --workdir=runs/demo && \
	echo "the demo took $$(( $$(date +%s) - start )) s; open runs/demo/samples.png" && \
	echo "write your own: $(BIN)/python -m hwgan.sample --checkpoint=runs/demo --text=\"hello\" --output=hello.png --num_styles=4"

test: .venv/dev.done
	$(BIN)/python -m pytest

test-slow: .venv/dev.done $(BUILT) .venv/browser.done
	$(BIN)/python -m pytest -m "slow and not release"

test-release: .venv/dev.done $(BUILT) .venv/browser.done
	$(BIN)/python -m pytest -m release

lint: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf .venv web/node_modules web/dist
