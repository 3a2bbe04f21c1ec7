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
OPT_release = -O2 -g -D_FORTIFY_SOURCE=2
OPT_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_asan     = -fsanitize=address,undefined
HARDEN    = -fstack-protector-strong -fstack-clash-protection -fPIE
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
CFLAGS   += $(OPT_$(MODE)) $(HARDEN)

COMMON_SRC := $(wildcard common/*.c)
EMBEDDED   := $(sort $(wildcard common/queue/*.lua common/*/*.lua sql/migrations/*.sql sql/functions/*.sql sql/views/*.sql))
ROOM_ingest := $(filter-out %/main.c,$(wildcard ingest/*.c))
ROOM_worker := $(filter-out %/main.c,$(wildcard worker/*.c))
ROOM_cli    := $(filter-out %/main.c,$(wildcard cli/*.c))
ROOM_sim    := $(filter-out %/main.c,$(wildcard sim/*.c))
SRC        := $(COMMON_SRC) $(wildcard ingest/*.c worker/*.c cli/*.c sim/*.c)
HEADERS    := $(wildcard common/*.h ingest/*.h worker/*.h cli/*.h sim/*.h)
TEST_SRC   := $(wildcard tests/unit/test_*.c)
objects     = $(patsubst %.c,$(B)/%.o,$(1))

LIB        = $(B)/libinstep.a
PROGRAMS   = $(BIN)/instep-ingest $(BIN)/instep-worker $(BIN)/instep $(BIN)/stripe-sim
UNIT_TESTS = $(patsubst %.c,$(B)/%,$(TEST_SRC))

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
$(BIN)/instep: $(call objects,cli/main.c $(ROOM_cli)) $(LIB)
	$(link)
$(BIN)/stripe-sim: $(call objects,sim/main.c $(ROOM_sim)) $(LIB)
	$(link)

# A unit test links its own file, the library, and the rooms it names in `// rooms: worker sim`.
.SECONDEXPANSION:
rooms_of = $(shell sed -n 's,^// rooms: ,,p' $(1))
$(UNIT_TESTS): $(B)/%: $(B)/%.o $$(foreach r,$$(call rooms_of,$$*.c),$$(call objects,$$(ROOM_$$(r)))) $(LIB)
	$(link)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<"; $(CC) $(WARN) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# `make help` prints these lines.
help:             ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

clean:            ## remove what was built
	rm -rf $(BUILD) $(BIN)
unit-tests: $(UNIT_TESTS)
.PHONY: all help clean unit-tests
.DELETE_ON_ERROR:
