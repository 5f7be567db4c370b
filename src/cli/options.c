/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "cli/options.h"

#include "base/error.h"
#include "base/units.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMES = 64 };

const struct cli_command *cli_command_find(const char *name)
{
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (!strcmp((*c)->name, name))
            return *c;
    }
    return NULL;
}

const char *cli_command_nearest(const char *name)
{
    const char *names[MOST_NAMES];
    unsigned n = 0;

    for (const struct cli_command *const *c = cli_commands; *c && n < MOST_NAMES; c++) {
        if (!(*c)->hidden)
            names[n++] = (*c)->name;
    }
    return beba_nearest(name, names, n);
}

/* A decimal number with an optional fraction and a unit of one of the kinds; exact, or refused. */
static bool parse_scaled(const char *s, size_t n, enum beba_unit_kind kind, bool bare,
                         uint64_t *out)
{
    const struct beba_unit *unit;
    uint64_t value = 0, fraction = 0, divisor = 1, scale = 1;
    size_t i = 0;

    if (n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        char *end;

        errno = 0;
        *out = strtoull(s, &end, 16);
        return bare && !errno && end == s + n;
    }
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s[i] - '0'), &value))
            return false;
    }
    if (!i)
        return false;
    if (i < n && s[i] == '.') {
        for (i++; i < n && s[i] >= '0' && s[i] <= '9' && divisor < BEBA_NS_PER_SEC; i++) {
            fraction = fraction * 10 + (uint64_t)(s[i] - '0');
            divisor *= 10;
        }
        if (divisor == 1)
            return false;
    }
    if (i < n) {
        unit = beba_unit_find(s + i, n - i);
        if (!unit || unit->kind != kind)
            return false;
        scale = unit->scale;
    } else if (!bare && value) {
        return false;
    }
    if (__builtin_mul_overflow(value, scale, &value) ||
        __builtin_mul_overflow(fraction, scale, &fraction) || fraction % divisor)
        return false;
    return !__builtin_add_overflow(value, fraction / divisor, out);
}

bool cli_parse_number(const char *text, size_t n, uint64_t *out)
{
    return parse_scaled(text, n, BEBA_UNIT_COUNT, true, out);
}

bool cli_parse_duration(const char *text, size_t n, uint64_t *out)
{
    return parse_scaled(text, n, BEBA_UNIT_TIME, false, out);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);

    for (const char *c = choices; c;) {
        const char *end = strchr(c, '|');
        size_t len = end ? (size_t)(end - c) : strlen(c);

        if (len == n && !memcmp(c, value, n))
            return true;
        c = end ? end + 1 : NULL;
    }
    return false;
}

static int bad_value(const struct cli_option *o, const char *value, const char *want)
{
    return cli_usage("'%s' is not a value for --%s: it takes %s", value, o->name, want);
}

static int store(const struct cli_option *o, struct cli_call *call, const char *value,
                 unsigned place)
{
    void *at = (char *)call->opts + o->offset;
    struct cli_number *number = at;
    struct cli_list *list = at;

    if (value && o->choices && !is_choice(o->choices, value))
        return bad_value(o, value, o->choices);
    switch ((enum cli_kind)o->kind) {
    case CLI_FLAG:
        *(bool *)at = true;
        return 0;
    case CLI_STRING:
    case CLI_OPTIONAL:
        *(const char **)at = value ? value : "";
        return 0;
    case CLI_NUMBER:
        number->given = true;
        return cli_parse_number(value, strlen(value), &number->value)
                   ? 0
                   : bad_value(o, value, "a number, such as 1000, 64k or 0x10");
    case CLI_DURATION:
        number->given = true;
        return cli_parse_duration(value, strlen(value), &number->value)
                   ? 0
                   : bad_value(o, value, "a time with a unit, such as 500ms or 2s");
    case CLI_LIST: {
        struct cli_item *item = realloc(list->item, (list->n + 1) * sizeof(*item));

        if (!item)
            return cli_fail_with("out of memory");
        list->item = item;
        item[list->n++] = (struct cli_item){value, place};
        return 0;
    }
    }
    return 0;
}

static const struct cli_option *find_long(const struct cli_command *c, const char *name, size_t n)
{
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        if (strlen(o->name) == n && !memcmp(o->name, name, n))
            return o;
    }
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_command *c, char letter)
{
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        if (letter && o->letter == letter)
            return o;
    }
    return NULL;
}

static int unknown_option(const struct cli_command *c, const char *name, size_t n)
{
    const char *names[MOST_NAMES], *nearest;
    char given[64];
    unsigned count = 0;

    snprintf(given, sizeof(given), "%.*s", (int)(n < 60 ? n : 60), name);
    names[count++] = "help";
    for (const struct cli_option *o = c->options; o && o->name && count < MOST_NAMES; o++)
        names[count++] = o->name;
    nearest = beba_nearest(given, names, count);
    if (nearest)
        return cli_usage("unknown option '--%s'; did you mean '--%s'?", given, nearest);
    return cli_usage("unknown option '--%s'", given);
}

struct cursor {
    int argc, i;
    char **argv;
};

static int parse_long(struct cli_call *call, struct cursor *at)
{
    const char *name = at->argv[at->i] + 2, *eq = strchr(name, '=');
    size_t n = eq ? (size_t)(eq - name) : strlen(name);
    const struct cli_option *o = find_long(call->command, name, n);
    const char *value = eq ? eq + 1 : NULL;

    if (!o)
        return unknown_option(call->command, name, n);
    if (o->kind == CLI_FLAG && value)
        return cli_usage("--%s takes no value", o->name);
    if (o->kind != CLI_FLAG && o->kind != CLI_OPTIONAL && !value) {
        if (at->i + 1 >= at->argc)
            return cli_usage("--%s needs a value: --%s %s", o->name, o->name, o->arg);
        value = at->argv[++at->i];
    }
    return store(o, call, value, (unsigned)at->i);
}

/* -v, -vq, -rFILE, -r FILE */
static int parse_letters(struct cli_call *call, struct cursor *at)
{
    for (const char *s = at->argv[at->i] + 1; *s; s++) {
        const struct cli_option *o = find_letter(call->command, *s);
        const char *value = NULL;
        int rc;

        if (!o)
            return cli_usage("unknown option '-%c'", *s >= ' ' && *s < 0x7f ? *s : '?');
        if (o->kind != CLI_FLAG && o->kind != CLI_OPTIONAL) {
            value = s[1] ? s + 1 : at->i + 1 < at->argc ? at->argv[++at->i] : NULL;
            if (!value)
                return cli_usage("-%c needs a value: -%c %s", *s, *s, o->arg);
        }
        rc = store(o, call, value, (unsigned)at->i);
        if (rc || value)
            return rc;
    }
    return 0;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    }
    return false;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
              bool *help)
{
    struct cursor at = {argc, 0, argv};
    bool only_operands = false;
    int rc = 0;

    memset(call, 0, sizeof(*call));
    call->command = command;
    *help = asks_for_help(argc, argv);
    if (*help)
        return 0;
    call->opts = calloc(1, command->size ? command->size : 1);
    call->operand = calloc((size_t)argc + 1, sizeof(*call->operand));
    if (!call->opts || !call->operand)
        return cli_fail_with("out of memory");
    for (; at.i < argc && !rc; at.i++) {
        const char *s = argv[at.i];

        if (only_operands || s[0] != '-' || !s[1])
            call->operand[call->n_operands++] = s;
        else if (!strcmp(s, "--"))
            only_operands = true;
        else
            rc = s[1] == '-' ? parse_long(call, &at) : parse_letters(call, &at);
    }
    if (rc)
        return rc;
    if (call->n_operands < command->min)
        return cli_usage("%s is missing", command->operands);
    if (call->n_operands > command->max)
        return cli_usage("'%s' is too much: the command takes %s", call->operand[command->max],
                         command->max ? command->operands : "options only");
    return 0;
}

void cli_call_free(struct cli_call *call)
{
    for (const struct cli_option *o = call->command->options; call->opts && o && o->name; o++) {
        if (o->kind == CLI_LIST)
            free(((struct cli_list *)((char *)call->opts + o->offset))->item);
    }
    free(call->opts);
    free(call->operand);
    memset(call, 0, sizeof(*call));
}
