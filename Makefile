# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The front door. Meson does the work; these targets install what is missing first.
#
#   make            build/beba
#   make help       everything else

BUILD  := build
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
export NO_INSTALL

# Debian's Python modules belong to Debian's python3, which need not be the first one on PATH.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
MESON  := $(firstword $(wildcard /usr/bin/meson) meson)
SETUP  := $(MESON) setup -Dprefix=$(PREFIX) -Dtests=disabled

.PHONY: all help deps demo test lint bench bench-report fuzz conformance soak install deb clean

all: deps $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD)

help:
	@echo 'make                 build build/beba (installs missing packages first)'
	@echo 'make demo            build, then port knocking on a capture, step by step'
	@echo 'make test            everything: three builds, sanitizers, lint; about 20 minutes on 2 cores'
	@echo 'make lint            only format, clang-tidy, shellcheck and the house rules'
	@echo 'make bench           speed on this machine: a table, and build/bench.json'
	@echo 'make bench-report    docs/performance.md and its plots, of the last make bench'
	@echo 'make fuzz            every fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make conformance     the OpenFlow 1.3 cases of the Ryu switch test suite; half an hour'
	@echo 'make soak            traffic, changes and controllers at the switch for SOAK_SECONDS ($(SOAK_SECONDS))'
	@echo 'make install         PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make deb             Debian packages, in build/deb/'
	@echo 'make clean           remove build/'
	@echo 'NO_INSTALL=1         with any of them: install no packages'

deps:
	@scripts/install-deps.sh build

$(BUILD)/build.ninja:
	@$(SETUP) $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

demo:
	@scripts/install-deps.sh build demo
	@$(MAKE) --no-print-directory all
	@scripts/demo.sh $(BUILD)

test:
	@scripts/install-deps.sh build test deb
	@$(PYTHON) scripts/test.py

lint:
	@scripts/install-deps.sh build test
	@$(PYTHON) scripts/test.py lint tidy

bench:
	@scripts/install-deps.sh build bench
	@$(PYTHON) bench/run.py

bench-report:
	@$(PYTHON) bench/report.py

fuzz:
	@scripts/install-deps.sh build fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

conformance:
	@scripts/install-deps.sh build test
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tests/conformance/run.py --beba $(BUILD)/beba

soak:
	@scripts/install-deps.sh build test
	@$(MAKE) --no-print-directory all
	@BEBA=$(CURDIR)/$(BUILD)/beba $(PYTHON) tests/soak/soak.py --seconds $(SOAK_SECONDS)

install:
	@scripts/install-deps.sh build docs
	@$(MAKE) --no-print-directory all
	@$(MESON) configure $(BUILD) -Dprefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD)

deb:
	@scripts/install-deps.sh build deb
	@scripts/deb.sh

clean:
	rm -rf $(BUILD)
