#include "worker/circuit.h"

#include <stdio.h>
#include <string.h>

enum circuit_state circuit_state(const struct circuit *circuit, int64_t now_mono_ms)
{
    if (!circuit->closed_again_mono_ms)
        return CIRCUIT_CLOSED;
    return now_mono_ms < circuit->closed_again_mono_ms ? CIRCUIT_OPEN : CIRCUIT_TRYING;
}

static bool circuit_open(struct circuit *circuit, int64_t until_mono_ms)
{
    bool changed = circuit->closed_again_mono_ms == 0;

    circuit->closed_again_mono_ms = until_mono_ms;
    circuit->tries = 0;
    return changed;
}

bool circuit_let(struct circuit *circuit, int64_t now_mono_ms)
{
    switch (circuit_state(circuit, now_mono_ms)) {
    case CIRCUIT_CLOSED: return true;
    case CIRCUIT_OPEN: return false;
    default: break;
    }
    if (circuit->tries < CIRCUIT_TRIES_MAX) {
        circuit->tries++;
        return true;
    }
    (void)circuit_open(circuit, now_mono_ms + CIRCUIT_DENIED_MS);
    return false;
}

bool circuit_worked(struct circuit *circuit)
{
    bool changed = circuit->closed_again_mono_ms != 0;

    *circuit =
        (struct circuit){.contradicted = circuit->opened_by ? circuit->opened_by : circuit->contradicted};
    return changed;
}

static void circuit_note(struct circuit *circuit, uint64_t subject)
{
    if (circuit->failures < CIRCUIT_FAILURES_MAX)
        circuit->failures++;
    for (unsigned i = 0; i < circuit->subjects_count; i++)
        if (circuit->subjects[i] == subject)
            return;
    if (circuit->subjects_count < CIRCUIT_SUBJECTS_MIN)
        circuit->subjects[circuit->subjects_count++] = subject;
}

bool circuit_failed(struct circuit *circuit, uint64_t subject, int64_t now_mono_ms)
{
    circuit_note(circuit, subject);
    if (!circuit->closed_again_mono_ms &&
        (circuit->failures < CIRCUIT_FAILURES_MAX || circuit->subjects_count < CIRCUIT_SUBJECTS_MIN))
        return false;
    if (circuit_state(circuit, now_mono_ms) == CIRCUIT_OPEN)
        return false; /* late answers of before do not prolong it */
    return circuit_open(circuit, now_mono_ms + CIRCUIT_AWAY_MS);
}

bool circuit_disbelieves(const struct circuit *circuit, uint64_t subject)
{
    return circuit->contradicted && circuit->contradicted == subject;
}

bool circuit_denied(struct circuit *circuit, uint64_t subject, int64_t now_mono_ms)
{
    if (circuit_state(circuit, now_mono_ms) == CIRCUIT_OPEN || circuit_disbelieves(circuit, subject))
        return false;
    if (!circuit->opened_by)
        circuit->opened_by = subject;
    return circuit_open(circuit, now_mono_ms + CIRCUIT_DENIED_MS);
}

struct circuit *circuits_find(struct circuits *circuits, const char *account)
{
    for (int i = 0; i < CIRCUIT_ACCOUNTS_MAX; i++)
        if (*circuits->accounts[i].account && !strcmp(circuits->accounts[i].account, account))
            return &circuits->accounts[i].key;
    return 0;
}

struct circuit *circuits_add(struct circuits *circuits, const char *account)
{
    struct circuit *found = circuits_find(circuits, account);
    int at = 0;

    if (found)
        return found;
    /* A free place, or the one that may be tried soonest; never the platform's own. */
    for (int i = 0; i < CIRCUIT_ACCOUNTS_MAX; i++) {
        if (!*circuits->accounts[i].account) {
            at = i;
            break;
        }
        if (!strcmp(circuits->accounts[at].account, "self") ||
            (circuits->accounts[i].key.closed_again_mono_ms <
                 circuits->accounts[at].key.closed_again_mono_ms &&
             strcmp(circuits->accounts[i].account, "self") != 0))
            at = i;
    }
    (void)snprintf(circuits->accounts[at].account, sizeof circuits->accounts[at].account, "%s", account);
    circuits->accounts[at].key = (struct circuit){.failures = 0};
    return &circuits->accounts[at].key;
}

enum circuit_state circuits_state(struct circuits *circuits, const char *account, int64_t now_mono_ms)
{
    const struct circuit *key = circuits_find(circuits, account);
    enum circuit_state own = key ? circuit_state(key, now_mono_ms) : CIRCUIT_CLOSED;
    enum circuit_state all = circuit_state(&circuits->away, now_mono_ms);

    if (own == CIRCUIT_OPEN || all == CIRCUIT_OPEN)
        return CIRCUIT_OPEN;
    return own == CIRCUIT_TRYING || all == CIRCUIT_TRYING ? CIRCUIT_TRYING : CIRCUIT_CLOSED;
}

int64_t circuits_until(struct circuits *circuits, const char *account, int64_t now_mono_ms)
{
    const struct circuit *key = circuits_find(circuits, account);
    int64_t until = circuits->away.closed_again_mono_ms;

    if (key && key->closed_again_mono_ms > until)
        until = key->closed_again_mono_ms;
    return until > now_mono_ms ? until : 0;
}
