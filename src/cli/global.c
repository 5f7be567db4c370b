/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba global: the values that the flows of a program in the kernel share. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "lang/lang.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct opts {
    bool json;
};

static const struct cli_option options[] = {
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

/* A global, or a cell of an array. */
struct place {
    const char *name; /* as given, or the global's */
    struct beba_type type;
    bool cell;
    uint32_t id;
    uint64_t row, column;
};

static struct beba_u128 value_of(const struct cli_deployment *d, const struct place *at)
{
    struct beba_u128 v = {0, 0};

    if (at->cell)
        v.lo = beba_kernel_cell(d->kernel, at->id, at->row, at->column);
    else
        beba_kernel_global(d->kernel, at->id, &v);
    return v;
}

static void tell(const struct cli_deployment *d, const struct place *at, struct beba_strbuf *out,
                 json_t *json)
{
    struct beba_u128 v = value_of(d, at);

    beba_strbuf_printf(out, "%s = ", at->name);
    beba_value_print(out, at->type, v);
    beba_strbuf_putc(out, '\n');
    json_object_set_new(json, at->name, cli_json_value(at->type, v));
}

/* "[3]": what stands between the brackets; false when it is no number below n. */
static bool parse_index(const char **text, uint64_t n, uint64_t *out)
{
    const char *end;

    if (**text != '[')
        return false;
    end = strchr(*text, ']');
    if (!end || !cli_parse_number(*text + 1, (size_t)(end - *text - 1), out) || *out >= n)
        return false;
    *text = end + 1;
    return true;
}

/* "hits[3]", "hits[3][1]" */
static int parse_cell(const struct beba_pipeline *p, const char *text, struct place *out)
{
    const char *bracket = strchr(text, '[');
    size_t n = (size_t)(bracket - text);

    for (uint32_t i = 0; i < p->n_arrays; i++) {
        const struct beba_array *a = &p->array[i];
        const char *at = bracket;
        bool good;

        if (strlen(a->name) != n || memcmp(a->name, text, n) != 0)
            continue;
        *out = (struct place){.name = text, .type = a->type, .cell = true, .id = i};
        good = a->two_dimensional ? parse_index(&at, a->rows, &out->row) : true;
        if (!good || !parse_index(&at, a->columns, &out->column) || *at) {
            if (a->two_dimensional)
                return cli_usage("'%s' is no cell of %s[%u][%u]", text, a->name, a->rows,
                                 a->columns);
            return cli_usage("'%s' is no cell of %s[%u]", text, a->name, a->columns);
        }
        return CLI_OK;
    }
    return cli_usage("no array '%.*s' in the program", (int)(n < 120 ? n : 120), text);
}

static int find_place(const struct beba_pipeline *p, const char *text, struct place *out)
{
    int rc;

    if (strchr(text, '['))
        return parse_cell(p, text, out);
    *out = (struct place){0};
    rc = cli_find_global(p, text, &out->id);
    if (rc)
        return rc;
    out->name = p->global[out->id].name;
    out->type = p->global[out->id].type;
    return CLI_OK;
}

static int assign(const struct cli_deployment *d, const struct place *at, const char *text)
{
    struct beba_range value;
    struct beba_error err = {0};

    if (beba_lang_parse_value(text, strlen(text), at->type, &value, &err)) {
        beba_error_where(&err, "%s", at->name);
        return cli_fail(&err);
    }
    if (beba_u128_cmp(value.lo, value.hi) != 0)
        return cli_usage("'%s' is more than one value", text);
    if (at->cell)
        beba_kernel_set_cell(d->kernel, at->id, at->row, at->column, value.lo.lo);
    else
        beba_kernel_set_global(d->kernel, at->id, value.lo);
    return CLI_OK;
}

static int one(const struct cli_deployment *d, const struct cli_call *call, struct beba_strbuf *out,
               json_t *json)
{
    struct place at = {0};
    int rc = find_place(d->p, call->operand[2], &at);

    if (!rc && call->n_operands > 3)
        rc = assign(d, &at, call->operand[3]);
    if (!rc)
        tell(d, &at, out, json);
    return rc;
}

static int check(const struct cli_call *call)
{
    static const struct {
        const char *verb;
        unsigned operands;
        const char *takes;
    } verbs[] = {{"list", 2, "NAME"}, {"get", 3, "NAME GLOBAL"}, {"set", 4, "NAME GLOBAL VALUE"}};
    const char *names[3], *nearest;

    for (unsigned i = 0; i < 3; i++) {
        names[i] = verbs[i].verb;
        if (strcmp(verbs[i].verb, call->operand[0]) != 0)
            continue;
        return call->n_operands == verbs[i].operands
                   ? CLI_OK
                   : cli_usage("global %s takes %s", verbs[i].verb, verbs[i].takes);
    }
    nearest = beba_nearest(call->operand[0], names, 3);
    return nearest ? cli_usage("'%s' is not list, get or set; did you mean '%s'?", call->operand[0],
                               nearest)
                   : cli_usage("'%s' is not list, get or set", call->operand[0]);
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct cli_deployment d = {0};
    struct beba_strbuf out = {0};
    json_t *json = json_object();
    int rc;

    cli.json = o->json;
    rc = check(call);
    if (!rc)
        rc = cli_deployment_open(call->operand[1], &d);
    if (!rc && call->n_operands > 2)
        rc = one(&d, call, &out, json);
    for (uint32_t i = 0; !rc && call->n_operands == 2 && i < d.p->n_globals; i++) {
        struct place at = {.name = d.p->global[i].name, .type = d.p->global[i].type, .id = i};

        tell(&d, &at, &out, json);
    }
    if (!rc && o->json)
        rc = cli_print_json(stdout, json_pack("{s:o, s:O}", "program", cli_json_text(d.info.name),
                                              "globals", json));
    else if (!rc && !cli_print(stdout, &out))
        rc = CLI_FAILED;
    beba_strbuf_free(&out);
    json_decref(json);
    cli_deployment_close(&d);
    return rc;
}

const struct cli_command cli_global = {
    .name = "global",
    .operands = "list|get|set NAME [GLOBAL [VALUE]]",
    .min = 2,
    .max = 4,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .verbs = "list|get|set",
    .summary = "read or set globals and array cells of a running program",
    .text = "Lists the global registers of a program in the kernel, or reads or sets one of them, "
            "or a cell of an array, written as in the program: limit, hits[3], seen[3][1].",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
