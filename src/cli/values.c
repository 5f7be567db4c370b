/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/values.h"

#include "lang/lang.h"
#include "pipeline/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- either of the two --------------------------------------------------------------------- */

static struct beba_u128 global_of(const struct cli_values *v, uint32_t i)
{
    struct beba_u128 value = {0, 0};

    if (v->engine)
        beba_engine_global(v->engine, i, &value);
    else
        beba_kernel_global(v->kernel, i, &value);
    return value;
}

static uint64_t cell_of(const struct cli_values *v, uint32_t i, uint64_t row, uint64_t column)
{
    return v->engine ? beba_engine_cell(v->engine, i, row, column)
                     : beba_kernel_cell(v->kernel, i, row, column);
}

static void set_global(const struct cli_values *v, uint32_t i, struct beba_u128 value)
{
    if (v->engine)
        beba_engine_set_global(v->engine, i, value);
    else
        beba_kernel_set_global(v->kernel, i, value);
}

static void set_cell(const struct cli_values *v, uint32_t i, uint64_t row, uint64_t column,
                     uint64_t value)
{
    if (v->engine)
        beba_engine_set_cell(v->engine, i, row, column, value);
    else
        beba_kernel_set_cell(v->kernel, i, row, column, value);
}

/* A copy of a set's elements: malloc'ed. */
static int64_t elements_of(const struct cli_values *v, uint32_t set, struct beba_range **out,
                           struct beba_error *err)
{
    const struct beba_range *range;
    uint32_t n;

    if (v->kernel)
        return beba_kernel_set(v->kernel, set, out, err);
    range = beba_engine_set_elements(v->engine, set, &n);
    *out = calloc(n ? n : 1, sizeof(**out));
    if (!*out)
        return beba_error_set(err, -ENOMEM, "out of memory");
    if (n)
        memcpy(*out, range, n * sizeof(*range));
    return n;
}

/* --- saving -------------------------------------------------------------------------------- */

static json_t *globals_json(const struct cli_values *v)
{
    json_t *json = json_object();

    for (uint32_t i = 0; i < v->p->n_globals; i++) {
        struct beba_u128 value = global_of(v, i);

        if (v->points->global[i])
            value.lo = beba_point_shift(value.lo, v->shift);
        json_object_set_new(json, v->p->global[i].name,
                            cli_json_value(v->p->global[i].type, value));
    }
    return json;
}

static json_t *array_json(const struct cli_values *v, uint32_t i)
{
    const struct beba_array *a = &v->p->array[i];
    json_t *json = json_object();
    char name[64];

    for (uint64_t row = 0; row < (a->two_dimensional ? a->rows : 1); row++) {
        for (uint64_t column = 0; column < a->columns; column++) {
            uint64_t value = cell_of(v, i, row, column);

            if (!value)
                continue;
            if (v->points->array[i])
                value = beba_point_shift(value, v->shift);
            if (a->two_dimensional)
                snprintf(name, sizeof(name), "[%llu][%llu]", (unsigned long long)row,
                         (unsigned long long)column);
            else
                snprintf(name, sizeof(name), "[%llu]", (unsigned long long)column);
            json_object_set_new(json, name, cli_json_value(a->type, beba_u128(0, value)));
        }
    }
    return json;
}

static json_t *set_json(const struct cli_values *v, uint32_t i, struct beba_error *err)
{
    struct beba_range *range = NULL;
    int64_t n = elements_of(v, i, &range, err);
    json_t *json = n < 0 ? NULL : json_array();

    for (int64_t k = 0; k < n; k++) {
        struct beba_strbuf text = {0};

        beba_range_print(&text, v->p->set[i].type, &range[k]);
        json_array_append_new(json, cli_json_text(beba_strbuf_str(&text)));
        beba_strbuf_free(&text);
    }
    free(range);
    return json;
}

int cli_values_save(const struct cli_values *v, const char *dir, uint64_t taken,
                    struct beba_error *err)
{
    json_t *arrays = json_object(), *sets = json_object(), *root = NULL;
    struct beba_strbuf path = {0};
    char *text = NULL;
    int rc = 0;

    for (uint32_t i = 0; i < v->p->n_arrays; i++)
        json_object_set_new(arrays, v->p->array[i].name, array_json(v, i));
    for (uint32_t i = 0; i < v->p->n_sets && !rc; i++) {
        json_t *set = set_json(v, i, err);

        rc = set ? 0 : err->code;
        json_object_set_new(sets, v->p->set[i].name, set);
    }
    if (rc)
        goto out;
    root = json_pack("{s:s, s:i, s:o, s:o, s:o, s:O, s:O}", "format", "beba-values", "version", 1,
                     "program", cli_json_text(v->p->name), "taken", cli_json_u64(taken), "globals",
                     globals_json(v), "arrays", arrays, "sets", sets);
    text = root ? json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    beba_strbuf_printf(&path, "%s/" CLI_VALUES_FILE, dir);
    if (!text || path.failed)
        rc = beba_error_set(err, -ENOMEM, "out of memory");
    else
        rc = cli_write_file(path.s, text, strlen(text), err);
out:
    free(text);
    json_decref(root);
    json_decref(arrays);
    json_decref(sets);
    beba_strbuf_free(&path);
    return rc;
}

/* --- loading ------------------------------------------------------------------------------- */

int cli_values_read(const char *dir, json_t **out, struct beba_error *err)
{
    struct beba_strbuf path = {0};
    const char *format;
    json_error_t why;
    FILE *f = NULL;
    int rc = 0;

    *out = NULL;
    beba_strbuf_printf(&path, "%s/" CLI_VALUES_FILE, dir);
    f = path.failed ? NULL : fopen(path.s, "re");
    if (!f && errno == ENOENT)
        goto out;
    if (!f) {
        rc = beba_error_set(err, -errno, "cannot read: %s", strerror(errno));
        beba_error_where(err, "%s", beba_strbuf_str(&path));
        goto out;
    }
    *out = json_loadf(f, 0, &why);
    format = json_string_value(json_object_get(*out, "format"));
    if (!*out)
        rc = beba_error_set(err, -EINVAL, "%s", why.text);
    else if (!format || strcmp(format, "beba-values") != 0 ||
             json_integer_value(json_object_get(*out, "version")) != 1)
        rc = beba_error_set(err, -EINVAL, "this is no file of values, or one of another version");
    if (rc) {
        beba_error_where(err, "%s", path.s);
        json_decref(*out);
        *out = NULL;
    }
out:
    if (f)
        fclose(f);
    beba_strbuf_free(&path);
    return rc;
}

/* A number, truth or text as a value or range of that type. */
static bool parse(const json_t *json, struct beba_type type, struct beba_range *out)
{
    char number[32];
    const char *text = json_string_value(json);

    if (json_is_boolean(json)) {
        *out = (struct beba_range){{0, json_is_true(json)}, {0, json_is_true(json)}};
        return type.kind == BEBA_KIND_BOOL;
    }
    if (json_is_integer(json)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json));
        text = number;
    }
    return text && !beba_lang_parse_value(text, strlen(text), type, out, NULL);
}

struct loading {
    const struct cli_values *v;
    bool apply;
    struct cli_losses *losses;
};

static void load_globals(const struct loading *l, const json_t *json)
{
    const struct beba_pipeline *p = l->v->p;
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        struct beba_range range;
        uint32_t i = 0;

        while (i < p->n_globals && strcmp(p->global[i].name, name) != 0)
            i++;
        if (i == p->n_globals) {
            cli_losses_add(l->losses, 0, "global %s: the program has none", name);
        } else if (!parse(value, p->global[i].type, &range)) {
            cli_losses_add(l->losses, 0, "global %s: its value does not fit", name);
        } else if (l->apply) {
            if (l->v->points->global[i])
                range.lo.lo = beba_point_shift(range.lo.lo, -l->v->shift);
            set_global(l->v, i, range.lo);
        }
    }
}

/* "[3]" or "[3][1]" */
static bool parse_cell(const struct beba_array *a, const char *name, uint64_t *row,
                       uint64_t *column)
{
    unsigned long long first, second;
    int end = 0;

    if (a->two_dimensional) {
        if (sscanf(name, "[%llu][%llu]%n", &first, &second, &end) != 2 || name[end])
            return false;
        *row = first;
        *column = second;
        return first < a->rows && second < a->columns;
    }
    if (sscanf(name, "[%llu]%n", &first, &end) != 1 || name[end])
        return false;
    *row = 0;
    *column = first;
    return first < a->columns;
}

static void clear_array(const struct cli_values *v, uint32_t i)
{
    const struct beba_array *a = &v->p->array[i];

    for (uint64_t row = 0; row < (a->two_dimensional ? a->rows : 1); row++)
        for (uint64_t column = 0; column < a->columns; column++)
            set_cell(v, i, row, column, 0);
}

static void load_array(const struct loading *l, uint32_t i, const json_t *json)
{
    const struct beba_array *a = &l->v->p->array[i];
    uint64_t lost = 0, row, column;
    const char *name;
    json_t *value;

    if (l->apply)
        clear_array(l->v, i);
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        struct beba_range range;

        if (!parse_cell(a, name, &row, &column) || !parse(value, a->type, &range)) {
            lost++;
        } else if (l->apply) {
            if (l->v->points->array[i])
                range.lo.lo = beba_point_shift(range.lo.lo, -l->v->shift);
            set_cell(l->v, i, row, column, range.lo.lo);
        }
    }
    if (lost)
        cli_losses_add(l->losses, 0, "array %s: %llu cells do not fit", a->name,
                       (unsigned long long)lost);
}

static void load_arrays(const struct loading *l, const json_t *json)
{
    const struct beba_pipeline *p = l->v->p;
    const char *name;
    json_t *cells;

    json_object_foreach((json_t *)(uintptr_t)json, name, cells)
    {
        uint32_t i = 0;

        while (i < p->n_arrays && strcmp(p->array[i].name, name) != 0)
            i++;
        if (i < p->n_arrays)
            load_array(l, i, cells);
        else
            cli_losses_add(l->losses, 0, "array %s: the program has none", name);
    }
}

static int by_place(const void *a, const void *b)
{
    const struct beba_range *x = a, *y = b;
    int order = beba_u128_cmp(x->lo, y->lo);

    return order ? order : beba_u128_cmp(x->hi, y->hi);
}

static bool among(const struct beba_range *sorted, int64_t n, const struct beba_range *one)
{
    return n && bsearch(one, sorted, (size_t)n, sizeof(*sorted), by_place);
}

/* Makes the set what the file has. Elements that are in both stay untouched. */
static int apply_set(const struct cli_values *v, uint32_t set, struct beba_range *want,
                     int64_t n_want, struct beba_error *err)
{
    struct beba_range *have = NULL;
    int64_t n = elements_of(v, set, &have, err);
    int rc = n < 0 ? (int)n : 0;

    qsort(want, (size_t)n_want, sizeof(*want), by_place);
    if (n > 0)
        qsort(have, (size_t)n, sizeof(*have), by_place);
    for (int64_t i = 0; i < n && !rc; i++) {
        if (!among(want, n_want, &have[i]))
            rc = v->engine ? beba_engine_set_del(v->engine, set, &have[i], err)
                           : beba_kernel_set_del(v->kernel, set, &have[i], err);
    }
    for (int64_t i = 0; i < n_want && !rc; i++) {
        if (among(have, n, &want[i]))
            continue;
        rc = v->engine ? beba_engine_set_add(v->engine, set, &want[i], err)
                       : beba_kernel_set_add(v->kernel, set, &want[i], err);
        rc = rc == -EEXIST ? 0 : rc;
    }
    free(have);
    return rc;
}

static int load_set(const struct loading *l, uint32_t i, const json_t *json, struct beba_error *err)
{
    size_t n = json_array_size(json);
    struct beba_range *want = calloc(n ? n : 1, sizeof(*want));
    int64_t n_want = 0;
    int rc = 0;

    if (!want)
        return beba_error_set(err, -ENOMEM, "out of memory");
    for (size_t k = 0; k < n; k++) {
        const json_t *element = json_array_get(json, k);

        if (parse(element, l->v->p->set[i].type, &want[n_want]))
            n_want++;
        else
            cli_losses_add(l->losses, 0, "set %s: element %zu does not fit", l->v->p->set[i].name,
                           k + 1);
    }
    if (l->apply)
        rc = apply_set(l->v, i, want, n_want, err);
    free(want);
    return rc;
}

static int load_sets(const struct loading *l, const json_t *json, struct beba_error *err)
{
    const struct beba_pipeline *p = l->v->p;
    const char *name;
    json_t *elements;

    json_object_foreach((json_t *)(uintptr_t)json, name, elements)
    {
        uint32_t i = 0;
        int rc;

        while (i < p->n_sets && strcmp(p->set[i].name, name) != 0)
            i++;
        if (i == p->n_sets) {
            cli_losses_add(l->losses, 0, "set %s: the program has none", name);
            continue;
        }
        rc = load_set(l, i, elements, err);
        if (rc)
            return rc;
    }
    return 0;
}

int cli_values_load(const struct cli_values *v, const json_t *json, bool apply,
                    struct cli_losses *losses, struct beba_error *err)
{
    struct loading l = {v, apply, losses};

    load_globals(&l, json_object_get(json, "globals"));
    load_arrays(&l, json_object_get(json, "arrays"));
    return load_sets(&l, json_object_get(json, "sets"), err);
}

int cli_values_copy(struct beba_kernel *from, struct beba_engine *to, const struct beba_pipeline *p,
                    struct beba_error *err)
{
    const struct cli_values engine = {.p = p, .engine = to};
    struct beba_u128 value;
    int rc = 0;

    for (uint32_t i = 0; i < p->n_globals; i++) {
        beba_kernel_global(from, i, &value);
        beba_engine_set_global(to, i, value);
    }
    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const struct beba_array *a = &p->array[i];

        for (uint64_t row = 0; row < (a->two_dimensional ? a->rows : 1); row++)
            for (uint64_t column = 0; column < a->columns; column++)
                beba_engine_set_cell(to, i, row, column, beba_kernel_cell(from, i, row, column));
    }
    for (uint32_t i = 0; i < p->n_sets && !rc; i++) {
        struct beba_range *range = NULL;
        int64_t n = beba_kernel_set(from, i, &range, err);

        rc = n < 0 ? (int)n : apply_set(&engine, i, range, n, err);
        free(range);
    }
    return rc;
}
