/* The worker's metrics, in one place. docs/metrics.md says what they mean and what to do about them. */
#ifndef INSTEP_WORKER_STATS_H
#define INSTEP_WORKER_STATS_H

#include "common/err.h"

struct metric;
struct metrics;

/*
 * X(member, kind, name, label, help)
 * Histograms have no label.
 */
// clang-format off: a table
#define STATS_TABLE(X)                                                                                       \
    X(taken, counter, "instep_worker_taken_total", 0, "Customers taken from the queue.")                     \
    X(turns, counter, "instep_worker_turns_total", "outcome", "Turns ended, by how.")                        \
    X(in_flight, gauge, "instep_worker_turns_in_flight", 0, "Turns under way.")                              \
    X(events, counter, "instep_worker_events_total", "outcome",                                              \
      "Events that applied turns absorbed: applied, ignored, duplicate.")                                    \
    X(absorbed, gauge, "instep_worker_events_per_read_milli", 0,                                             \
      "Events absorbed per Stripe read since start, in thousandths.")                                        \
    X(entries, counter, "instep_worker_entries_total", 0, "Journal entries booked.")                         \
    X(moved, counter, "instep_worker_events_moved_total", 0,                                                 \
      "Events moved to the stream of the customer they turned out to be about.")                             \
    X(buried, counter, "instep_worker_buried_total", "class",                                                \
      "Customers whose events went to the dead letters.")                                                    \
    X(reads, counter, "instep_worker_stripe_reads_total", "endpoint",                                        \
      "Requests sent to Stripe, retries included.")                                                          \
    X(read_status, counter, "instep_worker_stripe_answers_total", "status",                                  \
      "Stripe's answers by HTTP status; 0: none came.")                                                      \
    X(read_time, histogram, "instep_worker_stripe_read_seconds", 0, "Time of one Stripe read.")              \
    X(turn_time, histogram, "instep_worker_turn_seconds", 0, "Time of one turn that applied.")               \
    X(lag, histogram, "instep_worker_webhook_to_ledger_seconds", 0,                                          \
      "From the ingest receiving an event to its commit in the ledger.")                                     \
    X(forbidden, counter, "instep_worker_stripe_forbidden_total", "endpoint",                                \
      "Reads that our key may not do (403).")                                                                \
    X(held_bytes, gauge, "instep_worker_held_bytes", 0, "Bytes of Stripe's answers held by turns.")          \
    X(circuit, gauge, "instep_worker_stripe_circuit_open", 0,                                                \
      "1 while Stripe refuses our key or is away and nothing is read.")                                      \
    X(credits_settled, counter, "instep_worker_credits_settled_total", 0,                                    \
      "Subscriptions and holders of credits whose time had come, settled by this leader.")                   \
    X(chores_failed, counter, "instep_worker_chores_failed_total", "chore",                                  \
      "Times that a chore of the leader could not be done.")                                                 \
    X(leader, gauge, "instep_worker_leader", 0, "1 while this worker holds the leader's lock.")              \
    X(lock_ready, gauge, "instep_worker_lock_connection_up", 0, "1 while the lock connection can be used.")  \
    X(ledger_ready, gauge, "instep_worker_apply_connections_up", 0, "Usable apply connections.")             \
    X(redis_ready, gauge, "instep_worker_redis_up", 0, "1 while Redis answers.")                             \
    X(queue_ready, gauge, "instep_queue_ready_customers", "lane", "Customers waiting.")                      \
    X(queue_delayed, gauge, "instep_queue_delayed_customers", 0,                                             \
      "Customers waiting for their next attempt.")                                                           \
    X(queue_leased, gauge, "instep_queue_leased_customers", 0, "Customers with a worker.")                   \
    X(queue_oldest, gauge, "instep_queue_oldest_waiting_milliseconds", 0,                                    \
      "Age of the oldest waiting entry.")                                                                    \
    X(queue_buried, gauge, "instep_queue_buried_total", 0, "Customers buried, all workers, ever.")           \
    X(budget_rate, gauge, "instep_stripe_budget_rate_milli", 0,                                              \
      "Allowed Stripe requests per 1000 s now, all workers.")                                                \
    X(budget_tokens, gauge, "instep_stripe_budget_tokens_milli", 0,                                          \
      "Tokens in the account's bucket, in thousandths.")                                                     \
    X(reads_today, gauge, "instep_stripe_reads_today", 0, "Stripe reads since 00:00 UTC, all workers.")      \
    X(reads_30_days, gauge, "instep_stripe_reads_30_days", 0, "What Stripe's read allocation counts.")
// clang-format on

struct stats {
    struct metrics *metrics; /* owned */
#define X(member, kind, name, label, help) struct metric *member;
    STATS_TABLE(X)
#undef X
};

enum err stats_init(struct stats *stats); /* ERR_NOMEM */
void stats_release(struct stats *stats);

#endif
