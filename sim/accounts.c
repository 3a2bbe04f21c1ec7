#include "sim/accounts.h"

#include <stdlib.h>
#include <string.h>

#define READS_PER_TRANSACTION 500
#define READS_FLOOR           10000

static struct random_stream *account_ids(struct sim *platform)
{
    return &platform->thin_ids; /* not the stream of objects: other ids stay what they are without accounts */
}

struct sim *account_create(struct sim *platform, const char *id, uint64_t seed, const char *version)
{
    if (platform->accounts_count == ACCOUNTS_MAX || (id && account_find(platform, id)))
        return NULL;
    if (!platform->accounts)
        platform->accounts = sim_alloc(platform, ACCOUNTS_MAX * sizeof *platform->accounts);
    const char *name =
        id ? sim_text(platform, id) : sim_new_id(platform, account_ids(platform), "acct_1", 16);
    if (!seed)
        seed = platform->seed + platform->accounts_count + 1;
    struct sim *account = sim_create(seed, platform->now);
    account->account = name;
    account->platform = platform;
    account->api_version = version ? version : platform->api_version;
    account->knobs = platform->knobs;
    account->on_event = platform->on_event;
    account->on_event_arg = platform->on_event_arg;
    account->on_event_gone = platform->on_event_gone;
    platform->accounts[platform->accounts_count++] = account;
    return account;
}

struct sim *account_find(struct sim *platform, const char *id)
{
    if (strcmp(platform->account, id) == 0)
        return platform;
    for (size_t i = 0; i < platform->accounts_count; i++)
        if (strcmp(platform->accounts[i]->account, id) == 0)
            return platform->accounts[i];
    return NULL;
}

json_t *account_render(const struct sim *account)
{
    return sim_json(json_pack("{s:s, s:s, s:s, s:s, s:s?, s:b, s:b, s:b, s:b}", "id", account->account,
                              "object", "account", "country", "US", "default_currency", "usd", "type",
                              account->platform ? "standard" : NULL, "charges_enabled", 1,
                              "details_submitted", 1, "payouts_enabled", 1, "livemode", 0));
}

/* --- reads --- */

static void forget_days(struct sim *account, int64_t today)
{
    int64_t gone = today - account->reads_day;

    for (int64_t i = 1; i <= gone && i <= READS_DAYS; i++)
        account->reads[(account->reads_day + i) % READS_DAYS] = 0;
    if (gone > 0)
        account->reads_day = today;
}

void account_count_read(struct sim *account)
{
    int64_t today = account->now / DAY;

    forget_days(account, today);
    account->reads[today % READS_DAYS]++;
}

json_t *account_reads(const struct sim *account)
{
    const struct list *charges = &account->all[TYPE_CHARGE];
    int64_t today = account->now / DAY;
    uint64_t used = 0, transactions = 0;

    for (int64_t day = today; day > today - READS_DAYS && day >= 0; day--)
        if (day <= account->reads_day && day > account->reads_day - READS_DAYS)
            used += account->reads[day % READS_DAYS];
    for (size_t i = charges->count; i-- > 0;) {
        const struct charge *ch = (const struct charge *)charges->at[i];
        if (ch->o.created <= account->now - READS_DAYS * DAY)
            break;
        transactions += strcmp(ch->status, "succeeded") == 0;
    }
    uint64_t allowed = transactions * READS_PER_TRANSACTION;
    if (allowed < READS_FLOOR)
        allowed = READS_FLOOR;
    return sim_json(json_pack("{s:I, s:I, s:I, s:b}", "used_30d", (json_int_t)used, "transactions_30d",
                              (json_int_t)transactions, "allowed_30d", (json_int_t)allowed, "exceeded",
                              used > allowed));
}
