/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba set: the elements of a set of a program in the kernel. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "lang/lang.h"
#include "pipeline/print.h"

#include <errno.h>
#include <limits.h>
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

struct request {
    const struct cli_call *call;
    const struct opts *o;
    struct cli_deployment d;
    const struct beba_set *set;
    uint32_t id;
};

static int list(struct request *r)
{
    struct beba_range *range = NULL;
    struct beba_strbuf out = {0};
    struct beba_error err = {0};
    json_t *elements = json_array();
    int64_t n = beba_kernel_set(r->d.kernel, r->id, &range, &err);
    int rc = CLI_OK;

    if (n < 0) {
        rc = cli_fail(&err);
        goto out;
    }
    for (int64_t i = 0; i < n; i++) {
        size_t start = out.len;

        beba_range_print(&out, r->set->type, &range[i]);
        if (r->o->json)
            json_array_append_new(elements, cli_json_text(beba_strbuf_str(&out) + start));
        beba_strbuf_putc(&out, '\n');
    }
    if (r->o->json)
        rc = cli_print_json(stdout,
                            json_pack("{s:o, s:o, s:O}", "program", cli_json_text(r->d.info.name),
                                      "set", cli_json_text(r->set->name), "elements", elements));
    else if (!cli_print(stdout, &out))
        rc = CLI_FAILED;
out:
    beba_strbuf_free(&out);
    json_decref(elements);
    free(range);
    return rc;
}

/* Reads all elements before the first is changed, so that a misspelt one changes nothing. */
static int parse_elements(struct request *r, struct beba_range *range)
{
    for (unsigned i = 3; i < r->call->n_operands; i++) {
        const char *text = r->call->operand[i];
        struct beba_error err = {0};

        if (beba_lang_parse_value(text, strlen(text), r->set->type, &range[i - 3], &err)) {
            beba_error_where(&err, "%s", text);
            return cli_fail(&err);
        }
    }
    return CLI_OK;
}

static int change(struct request *r, bool add)
{
    unsigned n = r->call->n_operands - 3, done = 0;
    struct beba_range *range;
    struct beba_error err = {0};
    int rc;

    if (r->call->n_operands < 4)
        return cli_usage("which element? set %s takes NAME SET ELEMENT...", add ? "add" : "del");
    range = calloc(n, sizeof(*range));
    if (!range)
        return cli_fail_with("out of memory");
    rc = parse_elements(r, range);
    for (; done < n && !rc; done++) {
        if (add ? beba_kernel_set_add(r->d.kernel, r->id, &range[done], &err)
                : beba_kernel_set_del(r->d.kernel, r->id, &range[done], &err)) {
            if (done)
                beba_error_hint(&err, "the %u element%s before it %s %s", done,
                                done == 1 ? "" : "s", done == 1 ? "was" : "were",
                                add ? "added" : "removed");
            rc = cli_fail(&err);
            break;
        }
    }
    free(range);
    if (rc)
        return rc;
    if (r->o->json)
        return cli_print_json(
            stdout, json_pack("{s:o, s:o, s:i}", "program", cli_json_text(r->d.info.name), "set",
                              cli_json_text(r->set->name), add ? "added" : "removed", (int)done));
    return CLI_OK;
}

static int run(const struct cli_call *call)
{
    static const char *const verbs[] = {"list", "add", "del"};
    struct request r = {.call = call, .o = call->opts};
    const char *verb = call->operand[0], *nearest;
    unsigned which = 0;
    int rc;

    cli.json = r.o->json;
    while (which < 3 && strcmp(verbs[which], verb) != 0)
        which++;
    if (which == 3) {
        nearest = beba_nearest(verb, verbs, 3);
        return nearest
                   ? cli_usage("'%s' is not list, add or del; did you mean '%s'?", verb, nearest)
                   : cli_usage("'%s' is not list, add or del", verb);
    }
    if (!which && call->n_operands > 3)
        return cli_usage("'%s' is too much: set list takes NAME SET", call->operand[3]);
    rc = cli_deployment_open(call->operand[1], &r.d);
    if (!rc)
        rc = cli_find_set(r.d.p, call->operand[2], &r.id);
    if (!rc) {
        r.set = &r.d.p->set[r.id];
        rc = which ? change(&r, which == 1) : list(&r);
    }
    cli_deployment_close(&r.d);
    return rc;
}

const struct cli_command cli_set = {
    .name = "set",
    .operands = "list|add|del NAME SET [ELEMENT...]",
    .min = 3,
    .max = UINT_MAX,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .verbs = "list|add|del",
    .summary = "list or change a set of a running program",
    .text = "Lists the elements of a set that the program declares, or adds or removes some while "
            "packets run. Elements are written as in the program: 80, 1024..65535, 10.0.0.0/8.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
