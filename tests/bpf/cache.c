/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Objects by what they are made of, kept in $BEBA_OBJECTS, which is of one version of beba: three
 * builds, and two runs of one, compile a program once. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "differential.h"

/* The file of what this C makes. */
static int name_of(const struct beba_pipeline *p, enum beba_target target,
                   const struct beba_emit_opts *opts, char *path, size_t size,
                   struct beba_error *err)
{
    const char *dir = getenv("BEBA_OBJECTS");
    uint64_t a = target, b = target + 1;
    struct beba_strbuf c = {0};
    int rc = beba_emit_c(p, target, opts, &c, err);

    for (size_t i = 0; i < c.len; i++) {
        a = beba_splitmix64(a ^ (uint8_t)c.s[i]);
        b = b * 0x100000001b3ull ^ (uint8_t)c.s[i];
    }
    snprintf(path, size, "%s/%016" PRIx64 "%016" PRIx64 ".o", dir, a, b);
    beba_strbuf_free(&c);
    return rc;
}

static void *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    void *data = NULL;
    long n;

    if (!f)
        return NULL;
    if (!fseek(f, 0, SEEK_END) && (n = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET)) {
        *size = (size_t)n;
        data = malloc(*size);
        if (data && fread(data, *size, 1, f) != 1) {
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

static void keep(const char *path, const void *data, size_t size)
{
    char part[512];
    bool whole;
    FILE *f;

    snprintf(part, sizeof(part), "%s.%d", path, (int)getpid());
    f = fopen(part, "wb");
    if (!f)
        return;
    whole = fwrite(data, size, 1, f) == 1;
    if (fclose(f) || !whole || rename(part, path))
        unlink(part);
}

int object_of(const struct beba_pipeline *p, enum beba_target target,
              const struct beba_emit_opts *opts, void **object, size_t *size,
              struct beba_error *err)
{
    char path[400];
    int rc;

    if (!getenv("BEBA_OBJECTS"))
        return beba_emit_object(p, target, opts, object, size, err);
    rc = name_of(p, target, opts, path, sizeof(path), err);
    if (rc)
        return rc;
    *object = read_whole(path, size);
    if (*object)
        return 0;
    rc = beba_emit_object(p, target, opts, object, size, err);
    if (!rc)
        keep(path, *object, *size);
    return rc;
}
