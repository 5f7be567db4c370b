/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

json_t *cli_json_u64(uint64_t v)
{
    char text[24];

    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
    return json_string(text);
}

json_t *cli_json_text(const char *s)
{
    json_t *json = json_string(s);
    char *copy;

    if (json || !s)
        return json;
    copy = strdup(s);
    if (!copy)
        return NULL;
    for (char *c = copy; *c; c++) {
        if (*c & 0x80)
            *c = '?';
    }
    json = json_string(copy);
    free(copy);
    return json;
}

json_t *cli_json_value(struct beba_type type, struct beba_u128 v)
{
    struct beba_strbuf text = {0};
    json_t *json;

    switch ((enum beba_kind)type.kind) {
    case BEBA_KIND_BOOL:
        return json_boolean(v.lo != 0);
    case BEBA_KIND_UINT:
    case BEBA_KIND_TIME:
    case BEBA_KIND_PORT:
    case BEBA_KIND_STATE:
        if (!v.hi)
            return cli_json_u64(v.lo);
        break;
    case BEBA_KIND_IP4:
    case BEBA_KIND_IP6:
    case BEBA_KIND_IP:
    case BEBA_KIND_MAC:
        break;
    }
    beba_value_print(&text, type, v);
    json = json_string(beba_strbuf_str(&text));
    beba_strbuf_free(&text);
    return json;
}

json_t *cli_json_error(const struct beba_error *err)
{
    json_t *json = json_object();

    json_object_set_new(json, "message", cli_json_text(err->what));
    if (err->where[0])
        json_object_set_new(json, "where", cli_json_text(err->where));
    if (err->hint[0])
        json_object_set_new(json, "hint", cli_json_text(err->hint));
    return json;
}

json_t *cli_json_diags(const struct beba_diags *diags, const struct beba_sources *sources)
{
    static const char *const severities[] = {"note", "warning", "error"};
    json_t *list = json_array();

    for (uint32_t i = 0; i < diags->n; i++) {
        const struct beba_diag *d = &diags->diag[i];
        json_t *json = json_object();
        unsigned line, column;

        json_object_set_new(json, "severity", json_string(severities[d->severity]));
        json_object_set_new(json, "code", json_string(d->code));
        if (d->loc.source < sources->n) {
            beba_sources_position(sources, d->loc, &line, &column);
            json_object_set_new(json, "file", cli_json_text(sources->source[d->loc.source].name));
            json_object_set_new(json, "line", json_integer(line));
            json_object_set_new(json, "column", json_integer(column));
            json_object_set_new(json, "length", json_integer(d->loc.len));
        }
        json_object_set_new(json, "message", cli_json_text(d->message));
        if (d->hint)
            json_object_set_new(json, "hint", cli_json_text(d->hint));
        json_array_append_new(list, json);
    }
    return list;
}
