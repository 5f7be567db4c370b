/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "native/native.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "emit/embedded.h"
#include "emit/emit.h"

struct beba_native_module {
    struct beba_cc_module *object;
    const struct beba_native_code *code;
};

int beba_native_compile(const struct beba_pipeline *p, const struct beba_native_opts *opts,
                        void **object, size_t *size, struct beba_error *err)
{
    static const struct beba_native_opts none;
    struct beba_emit_opts emit = {0};
    struct beba_strbuf c = {0};
    struct beba_cc_opts cc;
    int rc;

    *object = NULL;
    *size = 0;
    opts = opts ? opts : &none;
    emit.file = opts->file;
    emit.sources = opts->sources;
    emit.workers = opts->workers;
    cc = opts->cc;
    cc.headers = beba_embedded_native;
    rc = beba_emit_c(p, BEBA_TARGET_NATIVE, &emit, &c, err);
    if (!rc)
        rc = beba_cc_compile(&cc, opts->file ? opts->file : "the program", beba_strbuf_str(&c),
                             c.len, object, size, err);
    beba_strbuf_free(&c);
    return rc;
}

/* That the object is one of this beba, and of this program. */
static int check(const struct beba_pipeline *p, const struct beba_native_code *code,
                 const char *name, struct beba_error *err)
{
    uint64_t source;
    int rc;

    if (!code || code->magic != BEBA_NATIVE_MAGIC)
        return beba_error_set(err, -EINVAL, "%s is not an object that beba compiled", name);
    if (code->version != BEBA_NATIVE_VERSION) {
        beba_error_set(err, -EINVAL, "%s is of version %u, this beba works with version %d", name,
                       code->version, BEBA_NATIVE_VERSION);
        beba_error_hint(err, "build it again: beba build --target native");
        return -EINVAL;
    }
    rc = beba_emit_native_source(p, !code->lone, &source, err);
    if (rc)
        return rc;
    if (code->source == source && code->n_tables == p->n_tables && code->n_rules == p->n_rules)
        return 0;
    beba_error_set(err, -EINVAL, "%s is of another program, or of another beba", name);
    beba_error_hint(err, "build it again: beba build --target native");
    return -EINVAL;
}

int beba_native_open(const struct beba_pipeline *p, const void *object, size_t size,
                     const char *name, struct beba_native_module **out, struct beba_error *err)
{
    struct beba_native_module *m = calloc(1, sizeof(*m));
    int rc;

    *out = NULL;
    if (!m)
        return beba_error_set(err, -ENOMEM, "out of memory");
    rc = beba_cc_open(object, size, name, &m->object, err);
    if (!rc) {
        m->code = beba_cc_symbol(m->object, BEBA_NATIVE_SYMBOL);
        rc = check(p, m->code, name, err);
    }
    if (rc)
        beba_native_free(m);
    else
        *out = m;
    return rc;
}

int beba_native_new(const struct beba_pipeline *p, const struct beba_native_opts *opts,
                    struct beba_native_module **out, struct beba_error *err)
{
    void *object;
    size_t size;
    int rc;

    *out = NULL;
    rc = beba_native_compile(p, opts, &object, &size, err);
    if (rc)
        return rc;
    rc = beba_native_open(p, object, size, "what the compiler made", out, err);
    free(object);
    return rc;
}

const struct beba_native_code *beba_native_code(const struct beba_native_module *module)
{
    return module->code;
}

void beba_native_free(struct beba_native_module *module)
{
    if (!module)
        return;
    beba_cc_close(module->object);
    free(module);
}
