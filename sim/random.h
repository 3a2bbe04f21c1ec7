/*
 * Seeded randomness, one stream per purpose, so that drawing from one (faults, say) never shifts another (ids).
 * The generator is SplitMix64: tiny, and good enough for test data. Never for secrets.
 */
#ifndef INSTEP_SIM_RANDOM_H
#define INSTEP_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random_stream {
    uint64_t state;
};

/* purpose is any text; the same seed and purpose give the same stream for ever. */
void random_init(struct random_stream *stream, uint64_t seed, const char *purpose);
uint64_t random_next(struct random_stream *stream);
uint64_t random_below(struct random_stream *stream, uint64_t bound);             /* 0..bound-1; bound ≥ 1 */
int64_t random_between(struct random_stream *stream, int64_t low, int64_t high); /* both included */
bool random_chance(struct random_stream *stream, double rate);                   /* rate 0..1 */

/* Fill out with len base-62 characters and a NUL: out holds len + 1 bytes. */
void random_base62(struct random_stream *stream, char *out, size_t len);

/*
 * A decision that depends on what it is about and not on when it is taken: deliveries happen in real time, whose
 * order differs from run to run, and yet the same ones must be dropped.
 */
double random_decide(uint64_t seed, const char *about, uint64_t number); /* 0 ≤ x < 1 */

#endif
