/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is printed from the option tables: help, manual, completion. */
#include "cli/cli.h"
#include "cli/options.h"
#include "kernel/kernel.h"
#include "packet/field.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, INDENT = 26 };

static const struct cli_option help_option = {
    .name = "help", .letter = 'h', .kind = CLI_FLAG, .help = "Print this help and exit."};

/* Words of text, wrapped, every line but the first indented. column: where the text starts. */
static void wrap(struct beba_strbuf *out, const char *text, size_t indent, size_t column)
{
    while (*text) {
        size_t n = strcspn(text, " \n");

        if (column > indent && column + 1 + n > WIDTH) {
            beba_strbuf_putc(out, '\n');
            beba_strbuf_pad(out, ' ', indent);
            column = indent;
        } else if (column > indent) {
            beba_strbuf_putc(out, ' ');
            column++;
        }
        beba_strbuf_add(out, text, n);
        column += n;
        text += n;
        if (text[0] == '\n' && text[1] == '\n') {
            beba_strbuf_puts(out, "\n\n");
            beba_strbuf_pad(out, ' ', indent);
            column = indent;
        }
        text += strspn(text, " \n");
    }
    beba_strbuf_putc(out, '\n');
}

static void option_synopsis(struct beba_strbuf *out, const struct cli_option *o, const char *bold,
                            const char *slant)
{
    if (o->letter)
        beba_strbuf_printf(out, "%s-%c%s, ", bold, o->letter, bold);
    beba_strbuf_printf(out, "%s--%s%s", bold, o->name, bold);
    if (o->kind == CLI_OPTIONAL)
        beba_strbuf_printf(out, "[=%s%s%s]", slant, o->arg, slant);
    else if (o->kind != CLI_FLAG)
        beba_strbuf_printf(out, " %s%s%s", slant, o->arg, slant);
}

static void help_one(struct beba_strbuf *out, const struct cli_option *o)
{
    size_t start = out->len, used;

    beba_strbuf_puts(out, o->letter ? "  " : "      ");
    option_synopsis(out, o, "", "");
    used = out->len - start;
    if (used + 2 > INDENT) {
        beba_strbuf_putc(out, '\n');
        used = 0;
    }
    beba_strbuf_pad(out, ' ', INDENT - used);
    wrap(out, o->help, INDENT, INDENT);
}

void cli_help(struct beba_strbuf *out, const struct cli_command *c)
{
    beba_strbuf_printf(out, "usage: beba %s%s%s%s\n\n", c->name, *c->operands ? " " : "",
                       c->operands, c->options ? " [options]" : "");
    wrap(out, c->text, 0, 0);
    beba_strbuf_puts(out, "\noptions:\n");
    for (const struct cli_option *o = c->options; o && o->name; o++)
        help_one(out, o);
    help_one(out, &help_option);
    beba_strbuf_puts(out,
                     "\nExit status: 0 success, 1 something failed, 2 the command was misused.\n");
    if (!c->hidden)
        beba_strbuf_printf(out, "More in the manual: man beba-%s\n", c->name);
}

void cli_help_all(struct beba_strbuf *out)
{
    beba_strbuf_puts(out,
                     "beba: a stateful data plane. Write what each flow may do as a small state "
                     "machine,\ntry it on a capture, see why every packet went where it went."
                     "\n\nusage: beba COMMAND [arguments]\n\n");
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if (!(*c)->hidden)
            beba_strbuf_printf(out, "  %-9s %s\n", (*c)->name, (*c)->summary);
    }
    beba_strbuf_puts(out, "\n  beba COMMAND --help     options of a command\n"
                          "  beba --version          version of this build\n\n"
                          "Programs are files named *.xfsm. Start with: beba check FILE\n");
}

void cli_manual_options(struct beba_strbuf *out, const struct cli_command *c)
{
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        option_synopsis(out, o, "**", "*");
        beba_strbuf_printf(out, "\n:   %s\n\n", o->help);
    }
    option_synopsis(out, &help_option, "**", "*");
    beba_strbuf_printf(out, "\n:   %s\n", help_option.help);
}

/* --- completion ---------------------------------------------------------------------------- */

static void offer(struct beba_strbuf *out, const char *candidate, size_t n, const char *prefix)
{
    if (n >= strlen(prefix) && !memcmp(candidate, prefix, strlen(prefix))) {
        beba_strbuf_add(out, candidate, n);
        beba_strbuf_putc(out, '\n');
    }
}

static void offer_deployments(struct beba_strbuf *out, const char *prefix)
{
    const char *const *names = NULL;
    int n = beba_kernel_list(NULL, &names, NULL);

    for (int i = 0; i < n; i++)
        offer(out, names[i], strlen(names[i]), prefix);
    free((void *)(uintptr_t)names);
}

static void offer_devices(struct beba_strbuf *out, const char *prefix)
{
    struct if_nameindex *list = if_nameindex();

    for (struct if_nameindex *i = list; i && i->if_index; i++)
        offer(out, i->if_name, strlen(i->if_name), prefix);
    if (list)
        if_freenameindex(list);
}

static void offer_kind(struct beba_strbuf *out, enum cli_complete kind, const char *prefix)
{
    switch (kind) {
    case CLI_COMPLETE_NONE:
        return;
    case CLI_COMPLETE_PROGRAM:
        beba_strbuf_puts(out, "@files xfsm\n");
        return;
    case CLI_COMPLETE_CAPTURE:
        beba_strbuf_puts(out, "@files pcap pcapng cap\n");
        return;
    case CLI_COMPLETE_FILE:
        beba_strbuf_puts(out, "@files\n");
        return;
    case CLI_COMPLETE_DIR:
        beba_strbuf_puts(out, "@dirs\n");
        return;
    case CLI_COMPLETE_FIELD:
        for (unsigned i = 0; i < BEBA_N_FIELDS; i++)
            offer(out, beba_fields[i].name, strlen(beba_fields[i].name), prefix);
        return;
    case CLI_COMPLETE_COMMAND:
        for (const struct cli_command *const *c = cli_commands; *c; c++) {
            if (!(*c)->hidden)
                offer(out, (*c)->name, strlen((*c)->name), prefix);
        }
        return;
    case CLI_COMPLETE_DEPLOYMENT:
        offer_deployments(out, prefix);
        return;
    case CLI_COMPLETE_DEVICE:
        offer_devices(out, prefix);
        return;
    }
}

/* "a|b" */
static void offer_choices(struct beba_strbuf *out, const char *choices, const char *prefix)
{
    for (const char *c = choices; c;) {
        const char *end = strchr(c, '|');

        offer(out, c, end ? (size_t)(end - c) : strlen(c), prefix);
        c = end ? end + 1 : NULL;
    }
}

static void offer_value(struct beba_strbuf *out, const struct cli_option *o, const char *prefix)
{
    offer_choices(out, o->choices, prefix);
    offer_kind(out, (enum cli_complete)o->complete, prefix);
}

/* The option whose value the word after this one is, or NULL. */
static const struct cli_option *wants_value(const struct cli_command *c, const char *word)
{
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        if (o->kind == CLI_FLAG || o->kind == CLI_OPTIONAL)
            continue;
        if (!strncmp(word, "--", 2) && !strcmp(word + 2, o->name))
            return o;
        if (o->letter && word[0] == '-' && word[1] == o->letter && !word[2])
            return o;
    }
    return NULL;
}

static void offer_options(struct beba_strbuf *out, const struct cli_command *c, const char *prefix)
{
    char text[64];

    for (const struct cli_option *o = c->options; o && o->name; o++) {
        snprintf(text, sizeof(text), "--%s", o->name);
        offer(out, text, strlen(text), prefix);
    }
    offer(out, "--help", 6, prefix);
}

void cli_complete(struct beba_strbuf *out, const char *const *words, unsigned n)
{
    const char *last = n ? words[n - 1] : "";
    const struct cli_command *c;
    const struct cli_option *o;
    const char *eq = strchr(last, '=');

    if (n <= 1) {
        offer_kind(out, CLI_COMPLETE_COMMAND, last);
        if (*last == '-') {
            offer(out, "--help", 6, last);
            offer(out, "--version", 9, last);
        }
        return;
    }
    c = cli_command_find(words[0]);
    if (!c)
        return;
    o = wants_value(c, words[n - 2]);
    if (o) {
        offer_value(out, o, last);
        return;
    }
    if (last[0] == '-' && last[1] == '-' && eq) {
        for (o = c->options; o && o->name; o++) {
            if (strlen(o->name) == (size_t)(eq - last - 2) &&
                !memcmp(o->name, last + 2, strlen(o->name)))
                offer_value(out, o, eq + 1);
        }
        return;
    }
    if (last[0] == '-' && last[1]) {
        offer_options(out, c, last);
        return;
    }
    if (c->verbs && n == 2)
        offer_choices(out, c->verbs, last);
    else if (c->max)
        offer_kind(out, (enum cli_complete)c->complete, last);
    if (!strcmp(last, "-"))
        offer_options(out, c, last);
}
