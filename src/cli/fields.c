/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba fields: the field registry. */
#include "cli/cli.h"
#include "cli/commands.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

struct opts {
    bool json;
};

static const struct cli_option options[] = {
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the fields as one JSON array."},
    {0},
};

static const char *const kinds[] = {"number", "bool", "time", "ip4",  "ip6",
                                    "ip",     "mac",  "port", "state"};

/* A part of the name, or a shell pattern of the whole. */
static bool name_matches(const char *name, const char *pattern)
{
    if (strpbrk(pattern, "*?["))
        return !fnmatch(pattern, name, FNM_CASEFOLD);
    return strcasestr(name, pattern) != NULL;
}

static bool matches(const struct beba_field *f, const char *pattern)
{
    char alias[64];
    const char *a = f->aliases;

    if (name_matches(f->name, pattern) || (f->wireshark && name_matches(f->wireshark, pattern)))
        return true;
    while (*a) {
        size_t n = strcspn(a, " ");

        snprintf(alias, sizeof(alias), "%.*s", (int)n, a);
        if (name_matches(alias, pattern))
            return true;
        a += n + (a[n] == ' ');
    }
    return false;
}

static void print_header(struct beba_strbuf *out)
{
    beba_strbuf_printf(out, "%-18s %4s  %-7s %-4s %-26s %s\n", "field", "bits", "type", "oxm",
                       "wireshark", "meaning");
}

static void print_one(struct beba_strbuf *out, const struct beba_field *f)
{
    char oxm[8] = "-";

    if (f->oxm >= 0)
        snprintf(oxm, sizeof(oxm), "%d", f->oxm);
    beba_strbuf_printf(out, "%-18s %4u  %-7s %-4s %-26s %s%s\n", f->name, f->type.width,
                       kinds[f->type.kind], oxm, f->wireshark ? f->wireshark : "-", f->help,
                       f->flags & BEBA_FIELD_READONLY ? " (read only)" : "");
}

static json_t *field_json(const struct beba_field *f)
{
    const char *layer = beba_layer_name((enum beba_layer)f->layer);
    json_t *aliases = json_array();

    for (const char *a = f->aliases; *a;) {
        size_t n = strcspn(a, " ");

        json_array_append_new(aliases, json_stringn(a, n));
        a += n + (a[n] == ' ');
    }
    return json_pack("{s:s, s:i, s:s, s:s?, s:b, s:o, s:s?, s:s?, s:o, s:s}", "name", f->name,
                     "bits", (int)f->type.width, "type", kinds[f->type.kind], "layer", layer,
                     "writable", !(f->flags & BEBA_FIELD_READONLY), "oxm",
                     f->oxm < 0 ? json_null() : json_integer(f->oxm), "prerequisite", f->prereq,
                     "wireshark", f->wireshark, "aliases", aliases, "help", f->help);
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *pattern = call->n_operands ? call->operand[0] : "";
    struct beba_strbuf out = {0};
    json_t *list = json_array();
    unsigned found = 0;

    cli.json = o->json;
    print_header(&out);
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        if (!matches(&beba_fields[i], pattern))
            continue;
        found++;
        print_one(&out, &beba_fields[i]);
        json_array_append_new(list, field_json(&beba_fields[i]));
    }
    if (!found) {
        const char *nearest = beba_field_nearest(pattern, strlen(pattern));
        struct beba_error err;

        beba_error_set(&err, -1, "no field matches '%s'", pattern);
        if (nearest)
            beba_error_hint(&err, "did you mean %s?", nearest);
        beba_strbuf_free(&out);
        json_decref(list);
        return cli_fail(&err);
    }
    if (o->json) {
        beba_strbuf_free(&out);
        return cli_print_json(stdout, list);
    }
    json_decref(list);
    cli_print(stdout, &out);
    return CLI_OK;
}

const struct cli_command cli_fields = {
    .name = "fields",
    .operands = "[PATTERN]",
    .max = 1,
    .complete = CLI_COMPLETE_FIELD,
    .summary = "the header fields a program can use",
    .text =
        "Lists the header fields: name, width in bits, type, number in OpenFlow's OXM class, "
        "Wireshark's name, meaning. PATTERN is a part of a name, or a shell pattern; it is also "
        "compared with the names that Wireshark, nft and OpenFlow use.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
