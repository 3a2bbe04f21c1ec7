#include "common/embed.h"

#include <string.h>

const struct embedded_file *embedded_file_find(const char *name)
{
    for (const struct embedded_file *file = embedded_files; file->name; file++)
        if (!strcmp(file->name, name))
            return file;
    return NULL;
}
