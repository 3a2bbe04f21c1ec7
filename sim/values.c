#include "sim/values.h"

#include <string.h>

#include "sim/currency.h"
#include "sim/money.h"

#define QUANTITY_MAX 1000000

bool time_param(struct call *call, json_t *params, const char *path, const char *shown, const char *word,
                int64_t ahead, int64_t *ret_at)
{
    const char *text = form_text(params, path);
    int64_t at;

    if (!form_at(params, path) || (text && (!*text || (word && strcmp(text, word) == 0))))
        return true;
    if (!form_integer(params, path, &at))
        return refuse(&call->why, 400, "parameter_invalid_integer", shown, "Invalid integer: %.40s",
                      text ? text : "");
    if (at <= call->sim->now)
        return refuse(&call->why, 400, NULL, shown, "Invalid timestamp: must be in the future");
    if (at - call->sim->now > ahead)
        return refuse(&call->why, 400, NULL, shown,
                      "Invalid timestamp: can be no more than %lld days in the future",
                      (long long)(ahead / DAY));
    *ret_at = at;
    return true;
}

bool quantity_param(struct call *call, json_t *entry, const char *shown, int64_t lowest,
                    int64_t *ret_quantity)
{
    if (!form_at(entry, "quantity"))
        return true;
    if (form_integer(entry, "quantity", ret_quantity) && *ret_quantity >= lowest &&
        *ret_quantity <= QUANTITY_MAX)
        return true;
    return refuse(&call->why, 400, "parameter_invalid_integer", shown, "Invalid quantity.");
}

bool quantity_is_payable(struct call *call, const struct price *price, int64_t quantity, const char *shown)
{
    if (!price || quantity <= 0 || price->unit_amount <= AMOUNT_MAX / quantity)
        return true;
    return refuse(&call->why, 400, "amount_too_large", shown, "Amount must be no more than %lld in %s.",
                  (long long)AMOUNT_MAX, price->currency);
}

bool price_amount_param(struct call *call, json_t *params, char currency[4], int64_t *ret_amount)
{
    const char *code = form_text(params, "currency");

    if (!code || strlen(code) != 3)
        return refuse(&call->why, 400, "parameter_missing", "currency", "Missing required param: currency.");
    for (int i = 0; i < 4; i++)
        currency[i] = (char)(code[i] >= 'A' && code[i] <= 'Z' ? code[i] + 'a' - 'A' : code[i]);
    if (!form_integer(params, "unit_amount", ret_amount) || *ret_amount < 0)
        return refuse(&call->why, 400, "parameter_invalid_integer", "unit_amount",
                      "unit_amount must be a whole number of the smallest unit.");
    return money_is_valid(*ret_amount, currency, &call->why);
}

void call_text(struct call *call, const char *param, const char **field)
{
    const char *text = form_text(call->params, param);

    if (text)
        *field = *text ? sim_text(call->sim, text) : NULL;
}

bool call_metadata(struct call *call, struct object *o)
{
    json_t *metadata = json_object_get(call->params, "metadata");

    if (metadata && !json_is_object(metadata))
        return refuse(&call->why, 400, NULL, "metadata", "Invalid hash");
    if (metadata)
        metadata_merge(o, metadata);
    return true;
}

bool call_on_clock(struct call *call, const struct customer *c)
{
    const char *wanted = form_text(call->params, "test_clock");

    if (!wanted || !c->test_clock)
        return !wanted && !c->test_clock;
    return strcmp(wanted, c->test_clock->o.id) == 0;
}
