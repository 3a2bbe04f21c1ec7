/* API: the account itself, and a platform's connected accounts. */
#include <string.h>

#include "sim/accounts.h"
#include "sim/call.h"
#include "sim/render.h"

static struct sim *platform_of(struct call *call)
{
    return call->sim->platform ? call->sim->platform : call->sim;
}

void account_get(struct call *call)
{
    call_answer_json(call, account_render(call->sim));
}

void accounts_create(struct call *call)
{
    struct sim *account = call->sim->platform ? NULL : account_create(call->sim, NULL, 0, NULL);

    if (account)
        call_answer_json(call, account_render(account));
    else
        (void)refuse(&call->why, 400, NULL, NULL, "No more accounts can be created here.");
}

void accounts_get(struct call *call)
{
    struct sim *account = account_find(platform_of(call), call->id);

    if (account && (account == call->sim || !call->sim->platform))
        call_answer_json(call, account_render(account));
    else
        (void)refuse(&call->why, 403, "account_invalid", NULL,
                     "The provided key does not have access to account '%.60s' (or that account does not "
                     "exist). Application access may have been revoked.",
                     call->id);
}

/* All on one page, the newest first. */
void accounts_list(struct call *call)
{
    json_t *data = sim_json(json_array());

    for (size_t i = call->sim->accounts_count; i-- > 0;)
        if (json_array_append_new(data, account_render(call->sim->accounts[i])))
            sim_die("out of memory");
    call_answer_json(call, render_list(data, call->path, false));
}
