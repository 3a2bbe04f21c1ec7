#include "sim/random.h"

#include <assert.h>

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void random_init(struct random_stream *stream, uint64_t seed, const char *purpose)
{
    stream->state = mix(hash_text(UINT64_C(0xcbf29ce484222325), purpose) ^ mix(seed + 1));
}

uint64_t random_next(struct random_stream *stream)
{
    stream->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(stream->state);
}

uint64_t random_below(struct random_stream *stream, uint64_t bound)
{
    assert(bound > 0);
    return random_next(stream) % bound; /* the bias of a modulo is far below what a test could notice */
}

int64_t random_between(struct random_stream *stream, int64_t low, int64_t high)
{
    assert(low <= high);
    return low + (int64_t)random_below(stream, (uint64_t)(high - low) + 1);
}

static double unit(uint64_t x)
{
    return (double)(x >> 11) * 0x1p-53;
}

bool random_chance(struct random_stream *stream, double rate)
{
    return unit(random_next(stream)) < rate;
}

void random_base62(struct random_stream *stream, char *out, size_t len)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[random_below(stream, 62)];
    out[len] = '\0';
}

double random_decide(uint64_t seed, const char *about, uint64_t number)
{
    return unit(mix(hash_text(mix(seed), about) ^ mix(number + 1)));
}
