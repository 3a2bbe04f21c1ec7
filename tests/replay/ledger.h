/* The database under test: blocking libpq, one connection. A failure of the connection ends the program. */
#ifndef INSTEP_TESTS_REPLAY_LEDGER_H
#define INSTEP_TESTS_REPLAY_LEDGER_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct ledger {
    PGconn *conn; /* owned */
    bool
        inside; /* one transaction for all: failures are taken back to a savepoint, constraints checked by hand */
    unsigned depth;  /* savepoints set */
    int64_t clock;   /* what ledger.clock() says, unix seconds; 0: not known */
    char error[600]; /* of the last statement that was refused: "SQLSTATE message" */
};

/* As the owner, to a database that is migrated. Its ledger.clock() is replaced by one that is set. */
void ledger_open(struct ledger *ledger, const char *url);
void ledger_close(struct ledger *ledger);

/* Statements that must work; the program ends if one does not. */
void ledger_run(struct ledger *ledger, const char *sql);
/* ledger.clock() says `now` (unix seconds) from here on. */
void ledger_set_clock(struct ledger *ledger, int64_t now);

/*
 * The first value of a statement's answer, a copy, free(); NULL: refused, ledger->error says why. "" for SQL's NULL. Inside a
 * transaction what a refused statement did is taken back, and the rest stays.
 */
char *ledger_ask(struct ledger *ledger, const char *sql, int count, const char *const *params);
json_t *ledger_ask_json(struct ledger *ledger, const char *sql); /* must work; new reference */

/* What is done from begin on is undone by end: nothing stays. */
void ledger_begin(struct ledger *ledger);
void ledger_end(struct ledger *ledger);
/* Marks inside of that, nested: back undoes what came after the last mark, and takes it away. */
void ledger_mark(struct ledger *ledger);
void ledger_back(struct ledger *ledger);
/* Constraints that wait for the commit, now. False: one is broken, ledger->error says which. */
bool ledger_check(struct ledger *ledger);

#endif
