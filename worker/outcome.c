#include "worker/outcome.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    enum fate fate;
    enum delay delay;
    unsigned attempts;
} policies[OUTCOMES] = {
#define X(outcome, name, fate, delay, attempts) [outcome] = {name, fate, delay, attempts},
    OUTCOME_LIST(X)
#undef X
};

const char *outcome_name(enum outcome outcome)
{
    return policies[outcome].name;
}

enum fate outcome_fate(enum outcome outcome)
{
    return policies[outcome].fate;
}

bool outcome_buries(enum outcome outcome, unsigned attempt, unsigned attempts_max)
{
    unsigned limit = policies[outcome].attempts;

    if (!limit || limit > attempts_max)
        limit = attempts_max;
    return attempt >= limit;
}

static uint64_t between(uint64_t low, uint64_t high, uint64_t random)
{
    return low + random % (high - low + 1);
}

unsigned outcome_delay_ms(enum outcome outcome, unsigned attempt, unsigned base_ms, unsigned max_ms,
                          uint64_t random)
{
    uint64_t high = base_ms;

    switch (policies[outcome].delay) {
    case DELAY_NONE: return 0;
    case DELAY_SHORT: return (unsigned)between(20, 200, random);
    case DELAY_LONG: high = (uint64_t)base_ms * 5; break;
    case DELAY_BACKOFF:
        for (unsigned i = 1; i < attempt && high < max_ms; i++)
            high *= 2;
        break;
    }
    if (high > max_ms)
        high = max_ms;
    if (policies[outcome].delay == DELAY_LONG)
        return (unsigned)between(base_ms < high ? base_ms : high, high, random);
    return (unsigned)between(high ? 1 : 0, high, random);
}

enum outcome outcome_of_sqlstate(const char *sqlstate)
{
    static const struct {
        const char *prefix;
        enum outcome outcome;
    } meanings[] = {
        {"IS001", OUTCOME_UNKNOWN_SHAPE}, {"IS002", OUTCOME_BUG},        {"IS003", OUTCOME_POLICY},
        {"40001", OUTCOME_CONTENTION},    {"40P01", OUTCOME_CONTENTION}, {"55P03", OUTCOME_CONTENTION},
        {"08", OUTCOME_OUTAGE},           {"53", OUTCOME_OUTAGE},    /* too little of something */
        {"57P", OUTCOME_OUTAGE},          {"58", OUTCOME_OUTAGE},    /* shutting down; disk trouble */
        {"25006", OUTCOME_OUTAGE},        {"42501", OUTCOME_OUTAGE}, /* a standby; grants not in place */
        {"42883", OUTCOME_OUTAGE},        {"3F000", OUTCOME_OUTAGE}, /* not migrated yet */
        {"57014", OUTCOME_BUG}, /* a statement that never ends in time: counts, or it would come back for ever */
    };

    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (!strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)))
            return meanings[i].outcome;
    return OUTCOME_BUG;
}
