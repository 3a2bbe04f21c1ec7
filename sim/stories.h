/*
 * Stories: what happens between a business, its customers and Stripe, as a script of a few steps, one for each kind of
 * fact that a ledger has to book. docs/ledger.md ("Worked examples") says what each must leave in the journal.
 *
 * A step is what happens at one moment, after which the ledger may look. Its text is one request a line:
 *
 *     cus: POST /v1/customers email=ada@example.com payment_method=pm_card_visa
 *     POST /v1/subscriptions customer={cus} items[0][price]={price}
 *     in: GET /v1/invoices customer={cus} limit=1
 *     POST /sim/charges/{in.payments.0.payment.charge}/dispute reason=fraudulent
 *     refused: POST /v1/invoices/{in}/pay
 *
 * A name before the request keeps its answer; {name} is the answer's id (of a list: of its first object), {name.a.0.b}
 * what is found there (in an object that is a list: in its data), {story} the story's own name, {now} the moment in unix
 * seconds, {now+15d} and {now-40d} so many days from it. Paths under /v1 are the
 * API's, those under /sim the control's, whose parameters become a JSON object. `refused:` expects an error.
 *
 *     APP spend amount=5 key=picture
 *
 * is not asked of Stripe: the application spends credits of the user whose id is the story's name.
 */
#ifndef INSTEP_SIM_STORIES_H
#define INSTEP_SIM_STORIES_H

#include <jansson.h>

#include "common/err.h"
#include "sim/api.h"
#include "sim/sim.h"

#define STORY_START    INT64_C(1735689600) /* 2025-01-01T00:00:00Z */
#define STORY_LEAP     INT64_C(1704067200) /* 2024-01-01T00:00:00Z, for stories of a leap year */
#define STORY_SETTLE_S 25 /* after its requests a step waits until charges have settled and all is told */

struct story_step {
    int64_t at; /* seconds since the story began: the clock is moved there first, never back */
    const char *title;
    const char *script; /* requests, one a line; "": only time passes */
};

struct story {
    const char *name;  /* "trial-converts" */
    const char *title; /* a sentence without its full stop */
    const struct story_step *steps;
    unsigned steps_count;
    int64_t start; /* where `stripe-sim story` sets the clock */
};

/* All of them, in the order of the documentation. Static. */
size_t story_count(void);
const struct story *story_at(size_t index);       /* index < story_count() */
const struct story *story_find(const char *name); /* NULL: no such story */

/*
 * What the application does with its user's credits: act is "spend", "refund_spend" or "grant", params (borrowed) what the line
 * says, user the story's name. True: that was accepted.
 */
typedef bool story_app_fn(struct sim *sim, const char *user, const char *act, json_t *params);

/* A story being played in a world. Several may be under way in one world: the clock is shared. */
struct story_play;

struct story_play *story_play_create(const struct story *story, struct sim *sim,
                                     struct api *api); /* borrowed */
void story_play_with_app(struct story_play *play,
                         story_app_fn *app);   /* without it APP lines are passed over */
void story_play_free(struct story_play *play); /* NULL is fine; before sim_free */
const struct story *story_play_of(const struct story_play *play);
unsigned story_play_done(const struct story_play *play); /* steps that were played */
int64_t
story_play_began(const struct story_play *play); /* the moment of the first step; 0: it has not begun */

/*
 * Play the next step: move the clock, do the requests, wait STORY_SETTLE_S. All of a step's requests draw on a stream of
 * chance of their own, so that the same world and the same steps give the same bytes.
 * ERR_NOT_FOUND: there is no step left. ERR_INVALID: a request was answered otherwise than the story expects (the text
 * names it); what was done until then stays done.
 */
enum err story_play_next(struct story_play *play, struct failure *fail);

/* The snapshot events that the last step made, in their order, those of the clock's own included: [{"id", "type", "subject"}]. */
json_t *story_play_events(const struct story_play *play); /* a new reference */
/* The ids of customers and money objects that belong to the story so far, in the order they were met: ["cus_…"]. */
json_t *story_play_objects(const struct story_play *play); /* a new reference */

/* --- stories_book.c: on a running simulator --- */

struct story_book;
struct story_book *story_book_create(struct sim *sim, struct api *api); /* both borrowed */
void story_book_free(struct story_book *book);                          /* NULL is fine; before sim_free */
/*
 * POST /sim/story: {"name"} plays the next step (after the last: a new beginning), "step" says until which one. The
 * status, and *ret_answer a new reference: where the story is, its events and its objects. "app": true: the application acts too
 * (app_credits.h), and the truth knows of it.
 */
int story_book_ask(struct story_book *book, json_t *body, json_t **ret_answer);

/* --- stories_show.c --- */

/* `stripe-sim story …`: argv[0] is "story". The exit status. */
int story_main(int argc, char **argv);

#endif
