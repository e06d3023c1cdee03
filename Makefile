# Rowcast.  `make` builds, `make run` shows it, `make test` proves it; README.md has the rest.
#
#   make test-browsers                               Chromium, Firefox, WebKit
#   make check [SANITIZE=address,undefined | thread]   unit and contract tests; installs nothing
#   make scenario [SANITIZE=…]                         with real servers, and no unit tests
#   make bench · make fuzz [SECONDS=60] · make tidy · make format
#   make install [PREFIX=/usr] [DESTDIR=…] · make uninstall · make npm-package
#
# Sources are found by wildcard: a new file is no change here.
CC ?= cc
BUILD ?= build
PREFIX ?= /usr/local
SANITIZE ?=
SECONDS ?= 20
ESBUILD ?= esbuild
PACKAGES = libuv sqlite3 liburiparser libmd jansson
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -pthread -D_GNU_SOURCE $(WARN) $(WERROR) -I. -I$(BUILD) -MMD -MP \
  $(shell pkg-config --cflags $(PACKAGES)) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PACKAGES)) -pthread
comma := ,
ifneq ($(SANITIZE),)
ifeq ($(BUILD),build)
BUILD := build-$(subst $(comma),-,$(SANITIZE))
endif
ALL_CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LIBS += -fsanitize=$(SANITIZE)
endif

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
STORE = $(call objects,$(wildcard store/*.c store/*/*.c))
FCGI = $(call objects,$(filter-out fcgi/process/main.c,$(wildcard fcgi/*/*.c)))
BENCH = $(call objects,$(wildcard tests/bench/*.c))
STAGE = $(call objects,$(filter-out tests/scenario/test_%.c,$(wildcard tests/scenario/*.c)))
WORLD = $(call objects,$(filter-out tests/contract/test_%.c,$(wildcard tests/contract/*.c)))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
CONTRACT = $(patsubst tests/contract/%.c,$(BUILD)/contract/%,$(wildcard tests/contract/test_*.c))
SCENARIO = $(patsubst tests/scenario/%.c,$(BUILD)/scenario/%,$(wildcard tests/scenario/test_*.c))
FUZZ = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
SOURCES = $(wildcard tests/*.c store/*.c store/*/*.c fcgi/*/*.c tests/unit/*.c tests/contract/*.c tests/scenario/*.c tests/bench/*.c)
# Smaller copies of the modules, where Debian's esbuild is; web/ works without them.
MINIFIED = $(patsubst web/%.js,$(BUILD)/web/%.min.js,$(wildcard web/rowcast*.js))
FORMATTED = $(SOURCES) $(wildcard store/*.h store/*/*.h fcgi/*/*.h tests/*/*.h tests/fuzz/*.c)

all: $(BUILD)/rowcast.fcgi $(if $(shell command -v $(ESBUILD)),$(MINIFIED))
tests: $(UNIT) $(CONTRACT)
scenarios: $(SCENARIO) $(BUILD)/rowcast.fcgi $(BUILD)/slow_sync.so
everything: all tests scenarios $(BUILD)/rowcast-bench

$(BUILD)/rowcast.fcgi: $(BUILD)/fcgi/process/main.o $(FCGI) $(STORE) $(BUILD)/sql_text.o
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/sql_text.h $(BUILD)/sql_text.c &: $(wildcard sql/*.sql) sql/embed.sh
	@mkdir -p $(BUILD)
	@sh sql/embed.sh $(BUILD)/sql_text.h $(BUILD)/sql_text.c $(sort $(wildcard sql/*.sql))

$(BUILD)/%.o: %.c | $(BUILD)/sql_text.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/sql_text.o: $(BUILD)/sql_text.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/web/%.min.js: web/%.js
	@mkdir -p $(@D)
	$(ESBUILD) --minify --target=es2021 --log-level=warning --outfile=$@ $<

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(FCGI) $(STORE) $(BUILD)/sql_text.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS) -lcmocka
$(BUILD)/contract/%: $(BUILD)/tests/contract/%.o $(WORLD) $(FCGI) $(STORE) $(BUILD)/sql_text.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS) -lcmocka
$(BUILD)/unit/test_out_of_%: LIBS += \
  $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup asprintf open_memstream uv_poll_init)
$(BUILD)/scenario/%: $(BUILD)/tests/scenario/%.o $(STAGE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka
$(BUILD)/rowcast-bench: $(BENCH)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS) -lm
$(BUILD)/slow_sync.so: tests/slow_sync.c
	@mkdir -p $(@D)
	$(CC) -O2 -D_GNU_SOURCE $(WARN) $(WERROR) -shared -fPIC -o $@ $<
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FCGI) $(STORE) $(BUILD)/sql_text.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

run:
	@sh packaging/install-packages.sh run
	@$(MAKE) -s all
	@sh packaging/run.sh
test:
	@bash tests/run.sh
check: tests
	@bash tests/programs.sh $(UNIT) $(CONTRACT)
scenario: scenarios
	@ROWCAST_PROGRAM=$(BUILD)/rowcast.fcgi bash tests/programs.sh $(SCENARIO)
test-browsers:
	@sh packaging/install-packages.sh browsers
	@$(MAKE) -s all
	@bash tests/browser/run.sh chromium firefox webkit
bench: all $(BUILD)/rowcast-bench $(BUILD)/slow_sync.so
	@bash tests/bench/run.sh $(BUILD)
fuzz:
	@$(MAKE) -s -j2 BUILD=build-fuzz CC=clang fuzzers \
	  CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'
	@bash tests/fuzz/run.sh $(SECONDS) $(patsubst tests/fuzz/%.c,build-fuzz/fuzz/%,$(wildcard tests/fuzz/*.c))
fuzzers: $(FUZZ)

# What a file is compiled with, but for the note of its dependencies (tests/layout.sh).
print-cflags:
	@echo '$(filter-out -MMD -MP,$(ALL_CFLAGS))'

tidy: format-check cppcheck clang-tidy
format-check:
	@clang-format --dry-run -Werror $(FORMATTED)
cppcheck: $(BUILD)/sql_text.h
	@cppcheck -q -j2 --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --include=/usr/include/utlist.h --suppress=pointerSize:store/subscription.c --suppress=uninitvar:fcgi/hub/hub_question.c \
	  --suppress='memleak:tests/*' \
	  --suppress='*:/usr/include/*' --error-exitcode=1 -I. -I$(BUILD) $(SOURCES) $(wildcard tests/fuzz/*.c)
clang-tidy: $(BUILD)/sql_text.h
	@printf '%s\n' $(SOURCES) $(wildcard tests/fuzz/*.c) | xargs -P2 -n4 sh -c 'e=$(BUILD)/tidy.$$$$; \
	  clang-tidy --quiet "$$@" -- $(filter-out -MMD -MP,$(ALL_CFLAGS)) 2>$$e || { cat $$e; exit 1; }; rm $$e' tidy
format:
	clang-format -i $(FORMATTED)

install: all
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' BUILD='$(BUILD)' sh packaging/install.sh install
# The modules as a package for npm: its package.json says which of these files are in it.
npm-package:
	@rm -rf $(BUILD)/npm && mkdir -p $(BUILD)/npm/package
	@cp LICENSE $(wildcard web/*.*) $(BUILD)/npm/package
	@cd $(BUILD)/npm && npm pack --silent ./package && rm -r package
uninstall:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' BUILD='$(BUILD)' sh packaging/install.sh uninstall

clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all tests scenarios everything run test test-browsers check scenario bench fuzz fuzzers tidy \
  format-check cppcheck clang-tidy print-cflags format install uninstall npm-package clean
.SECONDARY:
.DELETE_ON_ERROR:
