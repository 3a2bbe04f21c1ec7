# Instep. `make run` shows it working, `make test` proves it, `make help` lists the rest.
CC       ?= gcc
MODE     ?= release
BUILD    ?= build
B         = $(BUILD)/$(MODE)
BIN      ?= bin
PREFIX   ?= /usr/local

PKGS      = libevent hiredis libpq jansson libcurl libcrypto
CPPFLAGS += -I. -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
WARN      = -std=c17 -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wpointer-arith -Wwrite-strings -Wundef -Werror
WARN_CXX  = -std=c++17 -Wall -Wextra -Werror -fno-exceptions -fno-rtti
OPT_release = -O2 -g -D_FORTIFY_SOURCE=2
OPT_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_asan     = -fsanitize=address,undefined
OPT_crash   = -O1 -g -DINSTEP_CRASHPOINTS
HARDEN    = -fstack-protector-strong -fstack-clash-protection -fPIE
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
CFLAGS   += $(OPT_$(MODE)) $(HARDEN)

COMMON_SRC := $(wildcard common/*.c)
EMBEDDED   := $(sort $(wildcard common/queue/*.lua common/*/*.lua sql/migrations/*.sql sql/functions/*.sql sql/views/*.sql))
ROOM_ingest := $(filter-out %/main.c,$(wildcard ingest/*.c))
ROOM_worker := $(filter-out %/main.c,$(wildcard worker/*.c))
ROOM_cli    := $(filter-out %/main.c,$(wildcard cli/*.c)) cli/toml.cc
ROOM_sim    := $(filter-out %/main.c,$(wildcard sim/*.c))
SRC        := $(COMMON_SRC) $(wildcard ingest/*.c worker/*.c cli/*.c sim/*.c)
HEADERS    := $(wildcard common/*.h ingest/*.h worker/*.h cli/*.h sim/*.h)
TEST_SRC   := $(wildcard tests/unit/test_*.c)
objects     = $(patsubst %.cc,$(B)/%.o,$(patsubst %.c,$(B)/%.o,$(1)))

LIB        = $(B)/libinstep.a
PROGRAMS   = $(BIN)/instep-ingest $(BIN)/instep-worker $(BIN)/instep $(BIN)/stripe-sim
UNIT_TESTS = $(patsubst %.c,$(B)/%,$(TEST_SRC))
ASAN_TESTS = $(patsubst %.c,$(BUILD)/asan/%,$(TEST_SRC))

all: $(PROGRAMS)

$(LIB): $(call objects,$(COMMON_SRC)) $(B)/embedded.o
	@rm -f $@
	@ar rcs $@ $^
$(B)/embedded.c: tools/embed $(EMBEDDED)
	@mkdir -p $(@D)
	tools/embed $(EMBEDDED) > $@.tmp && mv $@.tmp $@
$(B)/embedded.o: $(B)/embedded.c
	$(CC) -std=gnu17 $(OPT_$(MODE)) $(HARDEN) $(CPPFLAGS) -c -o $@ $<

link = @mkdir -p $(@D); echo "  LD $@"; $(CC) $(LD_$(MODE)) $(LDFLAGS) -o $@ $(filter-out %.sh,$^) $(LDLIBS)
$(BIN)/instep-ingest: $(call objects,ingest/main.c $(ROOM_ingest)) $(LIB)
	$(link)
$(BIN)/instep-worker: $(call objects,worker/main.c $(ROOM_worker)) $(LIB)
	$(link)
# The worker that dies where a test says, for tests/e2e/worker_crash.t.
ifeq ($(MODE),crash)
$(BIN)/instep-worker-crash: $(call objects,worker/main.c $(ROOM_worker)) $(LIB)
	$(link)
else
$(BIN)/instep-worker-crash: FORCE
	+@$(MAKE) --no-print-directory MODE=crash $@
FORCE:
.PHONY: FORCE
endif
# One file of it is C++, for which there is the parser of TOML.
$(BIN)/instep $(patsubst %.c,$(B)/%,$(shell grep -l '^// rooms:.* cli' $(TEST_SRC))): LDLIBS += -lstdc++
$(BIN)/instep: $(call objects,cli/main.c $(ROOM_cli)) $(LIB)
	$(link)
$(BIN)/stripe-sim: $(call objects,sim/main.c $(ROOM_sim)) $(LIB)
	$(link)

# A unit test links its own file, the library, and the rooms it names in `// rooms: worker sim`.
.SECONDEXPANSION:
rooms_of = $(shell sed -n 's,^// rooms: ,,p' $(1))
$(UNIT_TESTS): $(B)/%: $(B)/%.o $$(foreach r,$$(call rooms_of,$$*.c),$$(call objects,$$(ROOM_$$(r)))) $(LIB)
	$(link)

# The ledger against the simulator in one process; docs/testing.md.
REPLAY     = $(B)/tests/replay/replay
REPLAY_SRC = $(wildcard tests/replay/*.c)
$(REPLAY): $(call objects,$(REPLAY_SRC) $(ROOM_sim) $(ROOM_worker) $(ROOM_ingest) cli/truth.c) $(LIB)
	$(link)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<"; $(CC) $(WARN) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.cc
	@mkdir -p $(@D)
	@echo "  CXX $<"; $(CXX) $(WARN_CXX) $(OPT_$(MODE)) $(HARDEN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- fuzzing and benchmarks: one program per file ----
FUZZ_SECONDS ?= 60
FUZZERS  = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES  = $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))
$(BUILD)/fuzz/%: tests/fuzz/%.c $(COMMON_SRC) $(HEADERS) $(B)/embedded.c
	@mkdir -p $(@D)
	clang -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(CPPFLAGS) -o $@ \
	    $< $(foreach r,$(call rooms_of,$<),$(ROOM_$(r))) $(COMMON_SRC) $(B)/embedded.c $(LDLIBS)
$(BENCHES): $(B)/%: $(B)/%.o $$(foreach r,$$(call rooms_of,$$*.c),$$(call objects,$$(ROOM_$$(r)))) $(LIB)
	$(link)

# ---- what people type. `deps` comes first and the rest in a second make, which sees the installed libraries ----
AGAIN   = +@$(MAKE) --no-print-directory
JOBS   ?= $(shell nproc)
RUN_DIR ?= var/run
export BIN

run:              ## show it: services under var/, simulator, ingest, two workers, a story; Ctrl-C ends it
	@deploy/local/deps build
	$(AGAIN) -j$(JOBS) all
	@deploy/local/run foreground $(RUN_DIR)
up:               ## the same in the background
	@deploy/local/deps build
	$(AGAIN) -j$(JOBS) all
	@deploy/local/run up $(RUN_DIR)
down:             ## end what `make up` or `make run` started; the data under var/ stays
	@deploy/local/run down $(RUN_DIR)

test:             ## everything: unit tests (also under the sanitizers), SQL, end to end
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all $(BIN)/instep-worker-crash replay unit-tests
	$(AGAIN) -j$(JOBS) MODE=asan unit-tests
	@tests/run $(UNIT_TESTS) $(ASAN_TESTS) tests/sql tests/e2e
test-unit:        ## unit tests, also under AddressSanitizer and UBSan
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) unit-tests
	$(AGAIN) -j$(JOBS) MODE=asan unit-tests
	@tests/run $(UNIT_TESTS) $(ASAN_TESTS)
test-sql:         ## pgTAP
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) $(BIN)/instep
	@tests/run tests/sql
mutants:          ## break one rule of the SQL at a time; the SQL tests, and the simulator's truth, must notice each
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all replay
	@tests/sql/mutants
	@tests/replay/mutants
permutations:     ## ten stories, seven events each, in all 5,040 orders; every event twice; every beginning with a sync
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all replay
	@JOBS=$(JOBS) tests/replay/run permute
credits:          ## SEEDS (500) random lives of subscriptions over 24 months, compared with an oracle; FIRST_SEED=n SEEDS=1 repeats one
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all replay
	@SEEDS=$(or $(SEEDS),500) FIRST_SEED=$(or $(FIRST_SEED),1) JOBS=$(JOBS) tests/replay/run credits
test-e2e:         ## end to end, short
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all $(BIN)/instep-worker-crash replay
	@tests/run tests/e2e
torture:          ## SEEDS (30) seeds of CUSTOMERS (200) for MONTHS (12), everything goes wrong; FIRST_SEED=n SEEDS=1 repeats one
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all
	@SEEDS=$(or $(SEEDS),30) CUSTOMERS=$(or $(CUSTOMERS),200) MONTHS=$(or $(MONTHS),12) PROVE_OPTIONS=-v \
	    tests/run tests/e2e/converge.t
torture-kill:     ## ten seeds of 100 customers, workers killed every second, services taken away
	@deploy/local/deps test
	$(AGAIN) -j$(JOBS) all $(BIN)/instep-worker-crash
	@SEEDS=$(or $(SEEDS),10) CUSTOMERS=$(or $(CUSTOMERS),100) OUTAGE_SECONDS=10 PROVE_OPTIONS=-v \
	    tests/run tests/e2e/converge_kill.t tests/e2e/outage.t tests/e2e/worker_crash.t tests/e2e/worker_faults.t
fuzz:             ## every fuzz target for FUZZ_SECONDS each
	@deploy/local/deps lint
	$(AGAIN) -j$(JOBS) $(FUZZERS)
	@for f in $(FUZZERS); do n=$${f##*/}; echo "== $$n"; mkdir -p $(BUILD)/corpus/$$n; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=0 -verbosity=0 $(BUILD)/corpus/$$n \
	        $$(ls -d tests/fuzz/corpus/$$n 2>/dev/null) || exit 1; done
bench:            ## the figures of docs/benchmarks.md
	@deploy/local/deps bench
	$(AGAIN) -j$(JOBS) all benches
	@for b in $(BENCHES) $(wildcard tests/bench/*.sh); do echo "== $$b"; $$b || exit 1; done
lint:             ## formatting, clang-tidy, cppcheck, shellcheck, headers, docs
	@deploy/local/deps lint
	$(AGAIN) -j$(JOBS) $(BIN)/instep $(B)/embedded.c
	$(AGAIN) checks
format:           ## clang-format all of it
	clang-format -i $(wildcard */*.c */*.cc */*.h */*/*.c tests/*/*.h)
docs:             ## write the generated pages again
	$(AGAIN) $(BIN)/instep
	$(BIN)/instep config --markdown > docs/configuration.md
deps:             ## install what build and tests need (apt-get)
	@deploy/local/deps lint

install: all      ## programs, systemd units and shell completion, under DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(BIN)/instep $(BIN)/instep-ingest $(BIN)/instep-worker $(DESTDIR)$(PREFIX)/bin
	for u in deploy/systemd/*.service deploy/systemd/*.timer; do \
	    sed 's,/usr/local/bin/,$(PREFIX)/bin/,' $$u > $(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/}; done
	install -m 644 deploy/completion/instep.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/instep

# `make help` prints these lines.
help:             ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

clean:            ## remove what was built
	rm -rf $(BUILD) $(BIN)
# In a make of its own, so that the flags are those of the libraries that `deps` has just installed.
checks:
	@CPPFLAGS='$(CPPFLAGS)' tools/lint
unit-tests: $(UNIT_TESTS)
benches: $(BENCHES)
replay: $(REPLAY)
.PHONY: all run up down test test-unit test-sql mutants permutations credits test-e2e torture torture-kill fuzz bench lint format \
        docs deps install help clean checks unit-tests benches replay
.DELETE_ON_ERROR:
