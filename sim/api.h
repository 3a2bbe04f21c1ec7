/*
 * Stripe's API as a function from request to answer: routing, authentication, idempotency, errors. No sockets here
 * (serve.h has them), so that a test can call it.
 */
#ifndef INSTEP_SIM_API_H
#define INSTEP_SIM_API_H

#include <stddef.h>

#include "sim/sim.h"

struct api;

struct api_request {
    const char *method, *path, *query;
    const char *body;
    size_t body_len;
    const char *authorization, *idempotency_key, *version; /* NULL: header absent */
    const char *account, *context;                         /* Stripe-Account, Stripe-Context: likewise */
};

struct api_answer {
    int status;
    char *body;           /* JSON text; api_answer_release frees it */
    char headers[480];    /* complete lines */
    const char *endpoint; /* "GET /v1/customers/{id}", static; "unknown" */
    bool wrote;           /* a handler that may change the world ran, whatever it answered */
};

struct api *api_create(struct sim *sim); /* sim is borrowed and must outlive it */
void api_free(struct api *api);          /* NULL is fine */

/* Fills *ret_answer; every request gets an answer. */
void api_handle(struct api *api, const struct api_request *request, struct api_answer *ret_answer);
/* An error in Stripe's shape, for the faults that are answered without asking the API. */
void api_error(struct api *api, int status, const char *type, const char *code, const char *message,
               struct api_answer *ret_answer);
void api_answer_release(struct api_answer *answer);

#endif
