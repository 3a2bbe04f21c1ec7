#include "cli/migration.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char migrations_folder[] = "sql/migrations/";
static const char *const routine_folders[] = {"sql/functions/", "sql/views/"};

static void hex(const unsigned char *digest, unsigned len, char *text)
{
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(text + (size_t)i * 2, 3, "%02x", digest[i]);
}

void sha256_hex(const void *data, size_t len, char ret_hex[SHA256_HEX_BYTES + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    if (!EVP_Digest(data, len, digest, &digest_len, EVP_sha256(), NULL))
        abort(); /* only without memory or without SHA-256: nothing sane can follow */
    hex(digest, digest_len, ret_hex);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_sql(const struct embedded_file *file)
{
    size_t len = strlen(file->name);
    return len > 4 && !strcmp(file->name + len - 4, ".sql");
}

const struct embedded_file *migration_routine(const struct embedded_file *files, size_t i)
{
    for (size_t folder = 0; folder < sizeof routine_folders / sizeof routine_folders[0]; folder++)
        for (const struct embedded_file *file = files; file->name; file++)
            if (begins(file->name, routine_folders[folder]) && is_sql(file) && i-- == 0)
                return file;
    return NULL;
}

/* One checksum over all routines: names and contents, each ended by a NUL so that no two lists look alike. */
static void routines_digest(const struct embedded_file *files, struct migration_plan *plan)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const struct embedded_file *file;
    bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);

    for (; good && (file = migration_routine(files, plan->routines_count)); plan->routines_count++)
        good = EVP_DigestUpdate(context, file->name, strlen(file->name) + 1) &&
               EVP_DigestUpdate(context, file->data, file->len + 1);
    if (!good || !EVP_DigestFinal_ex(context, digest, &digest_len))
        abort(); /* as in sha256_hex */
    EVP_MD_CTX_free(context);
    hex(digest, digest_len, plan->routines_sha256);
}

enum err migration_plan_read(const struct embedded_file *files, struct migration_plan *ret_plan,
                             struct failure *fail)
{
    *ret_plan = (struct migration_plan){0};
    for (const struct embedded_file *file = files; file->name; file++) {
        if (!begins(file->name, migrations_folder) || !is_sql(file))
            continue;
        if (ret_plan->migrations_count == MIGRATIONS_MAX)
            return failf(fail, ERR_LIMIT, "more than %d migrations", MIGRATIONS_MAX);
        struct migration *one = &ret_plan->migrations[ret_plan->migrations_count++];
        *one = (struct migration){.name = file->name + sizeof migrations_folder - 1, .file = file};
        if (strlen(one->name) > MIGRATION_NAME_MAX)
            return failf(fail, ERR_LIMIT, "migration %s: name is too long", one->name);
        sha256_hex(file->data, file->len, one->sha256);
    }
    routines_digest(files, ret_plan);
    return ERR_OK;
}

static struct migration *plan_find(struct migration_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->migrations_count; i++)
        if (!strcmp(plan->migrations[i].name, name))
            return &plan->migrations[i];
    return NULL;
}

enum err migration_plan_compare(struct migration_plan *plan, const struct migration *applied,
                                size_t applied_count, struct failure *fail)
{
    const char *pending = NULL;

    for (size_t i = 0; i < applied_count; i++) {
        struct migration *ours = plan_find(plan, applied[i].name);
        if (!ours)
            return failf(
                fail, ERR_CONFLICT,
                "the database has migration %s, which this program does not know: the database is newer, "
                "install the version that belongs to it",
                applied[i].name);
        if (strcmp(ours->sha256, applied[i].sha256) != 0)
            return failf(
                fail, ERR_CONFLICT,
                "migration %s was edited after it was applied here on %s: restore the file (sha256 %.12s…) "
                "and write the change as a new migration",
                applied[i].name, applied[i].applied_at, applied[i].sha256);
        ours->state = MIGRATION_APPLIED;
        ours->applied_at = applied[i].applied_at;
    }
    for (size_t i = 0; i < plan->migrations_count; i++) {
        if (plan->migrations[i].state == MIGRATION_PENDING)
            pending = plan->migrations[i].name;
        else if (pending)
            return failf(
                fail, ERR_CONFLICT,
                "migration %s is not applied, but the later %s is: give it a number after the last one",
                pending, plan->migrations[i].name);
    }
    return ERR_OK;
}
