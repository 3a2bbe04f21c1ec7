/* Private to the truth files: what they share. Everything is computed from the records, nothing from what is rendered. */
#ifndef INSTEP_SIM_TRUTH_PARTS_H
#define INSTEP_SIM_TRUTH_PARTS_H

#include "sim/truth.h"

/* A copy of the list in byte order of the ids; free(). */
struct object **truth_sorted(const struct list *list);
void truth_append(json_t *array, json_t *value); /* steals value */
/* Put an array of objects in byte order of what they are called by (`source` or `id`). */
void truth_order(json_t *array, const char *key);
/* totals[outer][inner] += amount; both are created when needed. */
void truth_add(json_t *totals, const char *outer, const char *inner, int64_t amount);
/* Take the zeros from {"usd": 0, "eur": 5}. */
void truth_without_zeros(json_t *amounts);

/* --- truth_money.c --- */

struct plans;

/* Sums under way for the whole account. */
struct truth_sums {
    const struct plans *plans; /* borrowed */
    json_t *accounts;          /* account → currency → balance, debits positive */
    json_t *totals;            /* currency → sales, count, refunded, lost */
};

/* A bare charge: captured, and neither an invoice's nor a session's. */
bool charge_is_bare(const struct charge *ch);
/* What the money of the charge was for: the id of an invoice or session, its own if bare, NULL if it failed. */
const char *charge_sale(const struct charge *ch);

/* "held", "lost" or "none": where the money is. */
const char *truth_dispute_state(const struct dispute *d);

/* What a credit note gave to the customer's balance, and outside Stripe. */
int64_t truth_note_to_balance(const struct credit_note *note);
int64_t truth_note_elsewhere(const struct credit_note *note);

/* Book a sale into sums and give it: {"source", "kind", "amount", …}. */
json_t *truth_invoice_sale(const struct invoice *inv, struct truth_sums *sums);
json_t *truth_session_sale(const struct session *cs, bool guest, struct truth_sums *sums);
json_t *truth_charge_sale(const struct charge *ch, bool guest, struct truth_sums *sums);

/* What came of charges: arrays to which refunds and disputes are added, sums in which they and the fees count. */
void truth_charge(const struct charge *ch, json_t *refunds, json_t *disputes, json_t *fees,
                  struct truth_sums *sums);
/* "credit_notes", "written_off", "fees", "credit" of a customer; refunds and disputes are added too. */
void truth_customer_money(const struct customer *c, json_t *customer, struct truth_sums *sums);

/* --- truth_credits.c --- */

struct lots;

/* The app's user of a customer: what its subscriptions say, else itself, else a completed session; NULL: nobody knows. */
const char *truth_user_of(const struct customer *c);
/* All lots of a user, settled as of now; lots_release(). */
void truth_user_lots(const struct sim *sim, const char *user, struct lots *ret_lots);
/* "credit_balances" of the truth; "grants" and "conversions" of its customers. */
void truth_credits(const struct sim *sim, const struct plans *plans, json_t *truth);

/* --- truth_catalogue.c --- */

json_t *truth_catalogue(const struct sim *sim);

#endif
