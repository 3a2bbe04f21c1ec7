/* What the stories about credits have in common: their plans, written in product metadata. Private to their files. */
#ifndef INSTEP_SIM_STORIES_CREDITS_H
#define INSTEP_SIM_STORIES_CREDITS_H

#include "sim/stories_list.h"

/* A year with a 29 February, so that its months are of all lengths. */
#define CREDITS(name, title, steps) STORY_FROM(STORY_LEAP, name, title, steps)

/* rules: " metadata[instep_…]=…", each with its blank before. Stories that share a key say the same of it. */
#define PLAN(name, key, title, rules)                                                                        \
    name "_product: POST /v1/products name=" title " metadata[instep_plan]=" key rules "\n"
#define COSTS(name, amount, interval)                                                                        \
    name ": POST /v1/prices product={" name "_product} currency=usd unit_amount=" amount                     \
         " recurring[interval]=" interval "\n"
#define SELLS(name, key, title, amount, rules) PLAN(name, key, title, rules) COSTS(name, amount, "month")
#define MONTHLY_CREDITS(credits)               " metadata[instep_monthly_credits]=" credits

/* 30 credits a month for 9.00, 32 on trial; 200 for 49.00. */
#define INDIVIDUAL_RULES MONTHLY_CREDITS("30") " metadata[instep_trial_credits]=32 metadata[instep_rank]=1"
#define TEAM_RULES       MONTHLY_CREDITS("200") " metadata[instep_trial_credits]=32 metadata[instep_rank]=2"
#define INDIVIDUAL       SELLS("individual", "individual", "Individual", "900", INDIVIDUAL_RULES)
#define TEAM             SELLS("team", "team", "Team", "4900", TEAM_RULES)

#define SUBSCRIBES(to)  "sub: POST /v1/subscriptions customer={cus} items[0][price]={" to "}\n"
#define MOVES_TO(price) "POST /v1/subscriptions/{sub} items[0][id]={sub.items.0} items[0][price]={" price "}"
#define NO_CARD         "cus: POST /v1/customers email={story}@example.com metadata[user_id]={story}\n"

#endif
