/* One control request while it is handled, and how handlers answer. Private to the control files. */
#ifndef INSTEP_SIM_ASK_H
#define INSTEP_SIM_ASK_H

#include <jansson.h>

#include "sim/billing.h"
#include "sim/serve.h"

struct ask {
    struct control *control;
    const char *id; /* what stands between the two parts of the path */
    json_t *body;   /* object */
    json_t *answer;
    int status;
};
typedef void ask_fn(struct ask *ask);

void fail_ask(struct ask *ask, int status, const char *message);
void answer_refusal(struct ask *ask, const struct refusal *why);
void answer_object(struct ask *ask, const struct object *o);
void *named(struct ask *ask, enum object_type type); /* the object of the path, or NULL after a 404 */

/* control_accounts.c */
ask_fn show_accounts, create_account, set_account;
json_t *describe_accounts(const struct sim *platform);

/* control_money.c: what banks, card holders and bookkeepers do. */
ask_fn open_dispute, decide_dispute, decide_refund, add_payment, decide_payment;

#endif
