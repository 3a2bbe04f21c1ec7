#include "sim/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

#include "sim/sim.h"

struct journal {
    int fd;        /* owned; appends */
    FILE *reading; /* owned; NULL when everything was replayed */
    char *line;    /* owned, of getline */
    size_t line_room;
    off_t whole; /* bytes of complete lines read so far */
};

/* The next complete line, or false at the end of them. */
static bool next_line(struct journal *journal)
{
    ssize_t len = getline(&journal->line, &journal->line_room, journal->reading);

    if (len <= 0 || journal->line[len - 1] != '\n')
        return false;
    journal->whole += len;
    return true;
}

/* The end of what was written before: cut off what is not whole. */
static bool begin_writing(struct journal *journal)
{
    bool ok = !ferror(journal->reading) && ftruncate(journal->fd, journal->whole) == 0;

    (void)fclose(journal->reading); /* only read from */
    journal->reading = NULL;
    return ok;
}

/* The first line: written if the file is new, compared if it is not. */
static enum err begin(struct journal *journal, const char *path, json_t *header, struct failure *fail)
{
    if (!next_line(journal)) {
        if (!begin_writing(journal))
            return failf(fail, ERR_SYSTEM, "%s: %s", path, strerror(errno));
        journal_add(journal, json_incref(header));
        return ERR_OK;
    }
    json_t *found = json_loads(journal->line, JSON_REJECT_DUPLICATES, NULL);
    bool same = found && json_equal(found, header);
    json_decref(found);
    if (!same)
        return failf(
            fail, ERR_INVALID,
            "%s is not the journal of this world: seed, start, webhooks, knobs and program must be the "
            "same; name another file",
            path);
    return ERR_OK;
}

enum err journal_open(const char *path, json_t *header, struct journal **ret_journal, struct failure *fail)
{
    struct journal *journal = calloc(1, sizeof *journal);
    enum err err;
    int fd;

    if (!journal)
        return failf(fail, ERR_NOMEM, "the journal");
    journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal->fd < 0) {
        err = failf(fail, ERR_SYSTEM, "cannot open %s: %s", path, strerror(errno));
        goto out;
    }
    if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0) {
        err = failf(fail, ERR_CONFLICT, "%s is kept by another simulator", path);
        goto out;
    }
    fd = dup(journal->fd);
    journal->reading = fd < 0 ? NULL : fdopen(fd, "r");
    if (!journal->reading) {
        err = failf(fail, ERR_SYSTEM, "cannot read %s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        goto out;
    }
    err = begin(journal, path, header, fail);
    if (err)
        goto out;
    *ret_journal = journal;
    journal = NULL;
out:
    journal_close(journal);
    return err;
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    if (journal->reading)
        (void)fclose(journal->reading);
    if (journal->fd >= 0)
        (void)close(journal->fd);
    free(journal->line);
    free(journal);
}

bool journal_next(struct journal *journal, json_t **ret_record)
{
    if (!journal->reading)
        return false;
    if (!next_line(journal)) {
        if (!begin_writing(journal))
            sim_die("cannot read the journal to its end");
        return false;
    }
    *ret_record = json_loads(journal->line, JSON_REJECT_DUPLICATES, NULL);
    if (!*ret_record)
        sim_die("a line of the journal is not JSON");
    return true;
}

void journal_add(struct journal *journal, json_t *record)
{
    if (!journal || journal->reading) {
        json_decref(record);
        return;
    }
    char *text = json_dumps(sim_json(record), JSON_COMPACT);
    json_decref(record);
    if (!text)
        sim_die("out of memory");
    size_t len = strlen(text), done = 0;
    text[len++] = '\n'; /* in place of the NUL */
    while (done < len) {
        ssize_t n = write(journal->fd, text + done, len - done);
        if (n < 0 && errno != EINTR)
            sim_die("cannot write the journal");
        done += n > 0 ? (size_t)n : 0;
    }
    free(text);
}
