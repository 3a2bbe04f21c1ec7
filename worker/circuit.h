/*
 * Breakers for a worker's Stripe reads. Pure: the caller brings the time.
 *
 * One for all of Stripe: nothing but failures, CIRCUIT_FAILURES_MAX in a row and of several customers, open it. One for
 * each account's key: a 401 opens it at once. While the first, or the platform's own, is open no turn is taken and
 * customers' attempts are not counted; a connected account's stops the turns of that account. After a while a few may
 * try: the first good answer closes the breaker, a failure opens it again.
 *
 * One customer cannot keep a breaker open. Failures of a single one never open the first; and whose 401 was contradicted by
 * somebody else's good answer is not believed a second time.
 */
#ifndef INSTEP_WORKER_CIRCUIT_H
#define INSTEP_WORKER_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#define CIRCUIT_FAILURES_MAX 20
#define CIRCUIT_SUBJECTS_MIN 3     /* customers that must have failed among them */
#define CIRCUIT_TRIES_MAX    3     /* turns that try at a time */
#define CIRCUIT_DENIED_MS    30000 /* between two tries after 401 */
#define CIRCUIT_AWAY_MS      2000  /* between two tries while Stripe is away */
#define CIRCUIT_ACCOUNTS_MAX 64    /* whose refusals are remembered; beyond, the oldest is forgotten */

struct circuit {
    int64_t closed_again_mono_ms; /* when the next try may be made; 0: closed */
    unsigned failures;            /* in a row */
    uint64_t subjects[CIRCUIT_SUBJECTS_MIN];
    unsigned subjects_count;          /* of those failures, each once */
    unsigned tries;                   /* let through since it may be tried */
    uint64_t opened_by, contradicted; /* 0: nobody */
};

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_TRYING };
enum circuit_state circuit_state(const struct circuit *circuit, int64_t now_mono_ms);

/* Whether one may go through now. After CIRCUIT_TRIES_MAX tries without an answer it waits as long again. */
bool circuit_let(struct circuit *circuit, int64_t now_mono_ms);

/* Each says whether the circuit changed between closed and open by it. subject is any number but 0 that names it. */
bool circuit_worked(struct circuit *circuit);
bool circuit_failed(struct circuit *circuit, uint64_t subject, int64_t now_mono_ms);
bool circuit_denied(struct circuit *circuit, uint64_t subject, int64_t now_mono_ms);
/* Another's good answer followed this one's 401: it is this one's own trouble. */
bool circuit_disbelieves(const struct circuit *circuit, uint64_t subject);

struct circuits {
    struct circuit away;
    struct {
        char account[256]; /* "": free */
        struct circuit key;
    } accounts[CIRCUIT_ACCOUNTS_MAX];
};

/* The account's breaker, NULL if its key was never refused. */
struct circuit *circuits_find(struct circuits *circuits, const char *account);
struct circuit *circuits_add(struct circuits *circuits, const char *account);

/* Of the account: Stripe's or its own, whichever is worse. "self": of the whole worker. */
enum circuit_state circuits_state(struct circuits *circuits, const char *account, int64_t now_mono_ms);
/* When it may be tried again; 0 if it is not open. */
int64_t circuits_until(struct circuits *circuits, const char *account, int64_t now_mono_ms);

#endif
