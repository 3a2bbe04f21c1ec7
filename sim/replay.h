/* What the journal records, and doing it again. */
#ifndef INSTEP_SIM_REPLAY_H
#define INSTEP_SIM_REPLAY_H

#include "sim/api.h"
#include "sim/journal.h"
#include "sim/serve.h"

/* --- the records; journal may be NULL. Each ends with the number of events made so far, which the replay compares --- */

/* A write of the API that reached its handler. request_ids is the state of that stream before it. */
void record_api(struct journal *journal, const struct sim *sim, const struct api_request *request,
                uint64_t request_ids);
void record_control(struct journal *journal, const struct sim *sim, const char *path, const char *body,
                    size_t len);
/* The clock of a run went on: steps things were done, then the clock was set to what it is. */
void record_steps(struct journal *journal, const struct sim *sim, unsigned steps, bool running);
/* A delivery is over: taken, or given up. */
void record_delivery(struct journal *journal, const struct sim_event *event, const struct endpoint *endpoint,
                     bool thin, bool delivered);
/* An endpoint failed too often. */
void record_disabled(struct journal *journal, const struct sim *sim, const struct endpoint *endpoint);

/*
 * Do everything again and make the journal ready for more. Nothing is delivered meanwhile; in the end what nobody had
 * taken is. All borrowed. ERR_INVALID: the journal tells another story than this program; the world is then unusable.
 */
enum err replay(struct journal *journal, struct sim *sim, struct api *api, struct control *control,
                struct failure *fail);

#endif
