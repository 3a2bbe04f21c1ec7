/* Control: connected accounts, and the version an account has by default. */
#include <string.h>

#include "sim/accounts.h"
#include "sim/ask.h"
#include "sim/form.h"
#include "sim/versions.h"

static json_t *describe(const struct sim *account)
{
    return sim_json(json_pack(
        "{s:s, s:s, s:I, s:I, s:o}", "id", account->account, "api_version", account->api_version, "customers",
        (json_int_t)account->all[TYPE_CUSTOMER].count, "events",
        (json_int_t)(account->events_total - account->thin_total), "reads", account_reads(account)));
}

json_t *describe_accounts(const struct sim *platform)
{
    json_t *accounts = sim_json(json_array());

    for (size_t i = 0; i < platform->accounts_count; i++)
        if (json_array_append_new(accounts, describe(platform->accounts[i])))
            sim_die("out of memory");
    return accounts;
}

void show_accounts(struct ask *ask)
{
    ask->answer = describe_accounts(ask->control->sim);
}

void create_account(struct ask *ask)
{
    struct sim *platform = ask->control->sim;
    const char *id = form_text(ask->body, "id"), *version = form_text(ask->body, "api_version");
    int64_t seed = 0;

    (void)form_integer(ask->body, "seed", &seed);
    if (platform->platform || seed < 0 || (version && !version_known(version)) ||
        (id && (strncmp(id, "acct_", 5) != 0 || strlen(id) > 100 || strchr(id, '/')))) {
        fail_ask(ask, 400, "say {\"id\": \"acct_…\", \"seed\": n, \"api_version\": …}; each may be left out");
        return;
    }
    struct sim *account = account_create(platform, id, (uint64_t)seed, version_known(version));
    if (account)
        ask->answer = describe(account);
    else
        fail_ask(ask, 409, "there is such an account, or there are a thousand");
}

void set_account(struct ask *ask)
{
    const char *version = version_known(form_text(ask->body, "api_version"));

    if (!version) {
        fail_ask(ask, 400, "say {\"api_version\": \"2025-03-31.basil\"}, or another version");
        return;
    }
    ask->control->sim->api_version = version;
    ask->answer = describe(ask->control->sim);
}
