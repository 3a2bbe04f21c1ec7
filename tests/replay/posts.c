#include "tests/replay/posts.h"

#include <stdlib.h>

struct post {
    int64_t at;
    uint64_t rank;
    struct hint *hint;
};

static bool sooner(const struct post *a, const struct post *b)
{
    return a->at != b->at ? a->at < b->at : a->rank < b->rank;
}

static void swap(struct post *a, struct post *b)
{
    struct post c = *a;

    *a = *b;
    *b = c;
}

void posts_put(struct posts *posts, int64_t at, struct hint *hint)
{
    struct post *heap;
    size_t i = posts->count;

    if (posts->count == posts->room) {
        posts->room = posts->room ? posts->room * 2 : 1024;
        posts->heap = realloc(posts->heap, posts->room * sizeof *posts->heap);
        if (!posts->heap)
            give_up("out of memory");
    }
    heap = posts->heap;
    heap[posts->count++] = (struct post){.at = at, .rank = posts->rank++, .hint = hint};
    for (; i && sooner(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&heap[i], &heap[(i - 1) / 2]);
}

struct hint *posts_next(struct posts *posts, int64_t until)
{
    struct post *heap = posts->heap;
    struct hint *hint;

    if (!posts->count || heap[0].at > until)
        return NULL;
    hint = heap[0].hint;
    heap[0] = heap[--posts->count];
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t child = left; child < left + 2 && child < posts->count; child++)
            if (sooner(&heap[child], &heap[least]))
                least = child;
        if (least == i)
            return hint;
        swap(&heap[i], &heap[least]);
        i = least;
    }
}

void posts_release(struct posts *posts)
{
    for (size_t i = 0; i < posts->count; i++)
        free(posts->heap[i].hint);
    free(posts->heap);
    *posts = (struct posts){.heap = NULL};
}

int64_t posts_delay(struct random_stream *random)
{
    uint64_t what = random_below(random, 100);

    return random_between(random, 0, what < 50 ? 5 : what < 80 ? 7200 : what < 95 ? 3 * 86400 : 30 * 86400);
}
