#include "sim/currency.h"

#include <stddef.h>
#include <string.h>

/* Rates are invented and fixed: of the smallest unit here in cents, over RATE. */
#define RATE 100000
static const struct {
    const char *code;
    int64_t step;
    int64_t rate;     /* 0: settles as it is */
    const char *text; /* of one whole unit in dollars */
} currencies[] = {
    {"usd", 1, 0, NULL},         {"eur", 1, 0, NULL},         {"aud", 1, 65000, "0.65"},
    {"bhd", 10, 26500, "2.65"},  {"bif", 1, 34, "0.00034"},   {"brl", 1, 18000, "0.18"},
    {"cad", 1, 73000, "0.73"},   {"chf", 1, 112000, "1.12"},  {"clp", 1, 10500, "0.00105"},
    {"czk", 1, 4300, "0.043"},   {"djf", 1, 56000, "0.0056"}, {"dkk", 1, 14500, "0.145"},
    {"gbp", 1, 127000, "1.27"},  {"gnf", 1, 1200, "0.00012"}, {"hkd", 1, 12800, "0.128"},
    {"huf", 1, 270, "0.0027"},   {"inr", 1, 1200, "0.012"},   {"isk", 100, 720, "0.0072"},
    {"jod", 10, 14100, "1.41"},  {"jpy", 1, 67000, "0.0067"}, {"kmf", 1, 22000, "0.0022"},
    {"krw", 1, 7200, "0.00072"}, {"kwd", 10, 32500, "3.25"},  {"mga", 1, 2200, "0.00022"},
    {"mxn", 1, 5500, "0.055"},   {"nok", 1, 9400, "0.094"},   {"nzd", 1, 59000, "0.59"},
    {"omr", 10, 26000, "2.6"},   {"pln", 1, 25000, "0.25"},   {"pyg", 1, 1300, "0.00013"},
    {"rwf", 1, 7000, "0.0007"},  {"sek", 1, 9500, "0.095"},   {"sgd", 1, 74000, "0.74"},
    {"tnd", 10, 3200, "0.32"},   {"twd", 1, 3100, "0.031"},   {"ugx", 100, 27, "0.00027"},
    {"vnd", 1, 390, "0.000039"}, {"vuv", 1, 84000, "0.0084"}, {"xaf", 1, 16000, "0.0016"},
    {"xof", 1, 16000, "0.0016"}, {"xpf", 1, 90000, "0.009"},  {"zar", 1, 5400, "0.054"},
};
#define COUNT (sizeof currencies / sizeof *currencies)

/* COUNT: none is called so. */
static size_t place_of(const char *currency)
{
    size_t i = 0;

    while (i < COUNT && strcmp(currencies[i].code, currency) != 0)
        i++;
    return i;
}

bool currency_is_known(const char *currency)
{
    return currency && place_of(currency) < COUNT;
}

int64_t currency_step(const char *currency)
{
    size_t i = place_of(currency);

    return i < COUNT ? currencies[i].step : 1;
}

const char *currency_settlement(const char *currency)
{
    return strcmp(currency, "eur") == 0 ? "eur" : "usd";
}

int64_t currency_settle(int64_t amount, const char *currency, const char **ret_rate)
{
    size_t i = place_of(currency);

    *ret_rate = i < COUNT ? currencies[i].text : NULL;
    if (!*ret_rate)
        return amount;
    __int128 cents = (__int128)amount * currencies[i].rate;
    return (int64_t)((cents + (amount < 0 ? -RATE / 2 : RATE / 2)) / RATE);
}
