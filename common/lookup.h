/*
 * Look a host name up without blocking the loop: the C library's resolver on a thread of its own, so that
 * /etc/hosts, DNS and everything else in nsswitch.conf count.
 */
#ifndef INSTEP_COMMON_LOOKUP_H
#define INSTEP_COMMON_LOOKUP_H

#include <stdint.h>

#include "common/err.h"

struct addrinfo;
struct event_base;
struct lookup;

/*
 * address is the first one found (NULL unless err is ERR_OK), borrowed for the call. ERR_UNAVAILABLE: fail says
 * what the resolver said. Exactly once, from the loop, never before lookup_start() returns. The lookup is gone
 * after it; not called once lookup_cancel() was.
 */
typedef void lookup_done_fn(enum err err, const struct addrinfo *address, const struct failure *fail,
                            void *arg);

/* host is copied; an address in numbers is fine too. ERR_NOMEM, ERR_SYSTEM. */
enum err lookup_start(struct event_base *base, const char *host, uint16_t port, lookup_done_fn *done,
                      void *arg, struct lookup **ret_lookup, struct failure *fail);
void lookup_cancel(struct lookup *lookup); /* NULL is fine */

#endif
