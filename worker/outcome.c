#include "worker/outcome.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    enum fate fate;
    enum delay delay;
    bool counts;
    unsigned attempts;
} policies[OUTCOMES] = {
#define X(outcome, name, fate, delay, counts, attempts) [outcome] = {name, fate, delay, counts, attempts},
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

bool outcome_counts(enum outcome outcome)
{
    return policies[outcome].counts;
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

static bool starts_with(const char *sqlstate, const char *prefix)
{
    return !strncmp(sqlstate, prefix, strlen(prefix));
}

bool outcome_is_outage(const char *sqlstate)
{
    return starts_with(sqlstate, "08") || starts_with(sqlstate, "53") || starts_with(sqlstate, "57P");
}

enum outcome outcome_of_sqlstate(const char *sqlstate, bool from_within)
{
    static const struct {
        const char *prefix;
        enum outcome outcome;
    } meanings[] = {
        {"IS001", OUTCOME_UNKNOWN_SHAPE}, {"IS002", OUTCOME_BUG},        {"IS003", OUTCOME_POLICY},
        {"IS004", OUTCOME_POLICY},        {"40001", OUTCOME_CONTENTION}, {"40P01", OUTCOME_CONTENTION},
        {"55P03", OUTCOME_CONTENTION},    {"08", OUTCOME_OUTAGE},        {"53", OUTCOME_OUTAGE},
        {"57P", OUTCOME_OUTAGE},   /* shutting down */
        {"58", OUTCOME_OUTAGE},    /* disk trouble */
        {"25006", OUTCOME_OUTAGE}, /* a standby */
        {"57014", OUTCOME_BUG}, /* a statement that never ends in time: counts, or it would come back for ever */
    };
    static const char *const not_migrated[] = {"42501", "42883",
                                               "3F000"}; /* a grant, function or schema is missing */

    for (size_t i = 0; i < sizeof not_migrated / sizeof *not_migrated; i++)
        if (!from_within && !strcmp(sqlstate, not_migrated[i]))
            return OUTCOME_OUTAGE;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (starts_with(sqlstate, meanings[i].prefix))
            return meanings[i].outcome;
    return OUTCOME_BUG;
}
