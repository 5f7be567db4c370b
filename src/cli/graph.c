/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba graph: the state diagram, as Graphviz text or drawn by Graphviz. */
#include "cli/cli.h"
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct opts {
    const char *output, *format;
    bool json;
};

#define FORMATS "dot|svg|png|pdf"

static const struct cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .arg = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, output),
     .help = "Write to FILE; its ending (.svg, .png, .pdf, .dot) tells the format. '-' is standard "
             "output, the default."},
    {.name = "format",
     .letter = 'T',
     .kind = CLI_STRING,
     .arg = "FORMAT",
     .choices = FORMATS,
     .offset = offsetof(struct opts, format),
     .help = "The format, where there is no file name to tell it: dot (the default), svg, png or "
             "pdf."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print states and edges as one JSON object instead."},
    {0},
};

static const char *choose_format(const struct opts *o)
{
    static const char *const known[] = {"dot", "svg", "png", "pdf"};
    const char *suffix = o->output ? strrchr(o->output, '.') : NULL;

    if (o->format)
        return o->format;
    if (!o->output || !strcmp(o->output, "-"))
        return "dot";
    for (size_t i = 0; suffix && i < sizeof(known) / sizeof(*known); i++) {
        if (!strcmp(suffix + 1, known[i]))
            return known[i];
    }
    return NULL;
}

/* A file in memory with this text, to be read from its start. */
static int memory_file(const char *text, size_t len)
{
    int fd = memfd_create("beba-graph", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (len) {
        ssize_t n = write(fd, text, len);

        if (n <= 0) {
            int rc = n < 0 ? -errno : -EIO;

            close(fd);
            return rc;
        }
        text += n;
        len -= (size_t)n;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* Reads all of a file from its start. */
static int slurp(int fd, struct beba_strbuf *out)
{
    char part[16384];
    ssize_t n;

    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, part, sizeof(part))) > 0)
        beba_strbuf_add(out, part, (size_t)n);
    return n < 0 ? -errno : out->failed ? -ENOMEM : 0;
}

/* Runs "dot -Tformat" with text as its input; its output goes to out. */
static int draw(const char *format, const struct beba_strbuf *text, struct beba_strbuf *out,
                struct beba_error *err)
{
    char type[16];
    char *argv[] = {(char *)"dot", type, NULL};
    int in = -1, result = -1, status, rc;
    posix_spawn_file_actions_t actions;
    pid_t child;

    snprintf(type, sizeof(type), "-T%s", format);
    posix_spawn_file_actions_init(&actions);
    in = memory_file(beba_strbuf_str(text), text->len);
    result = memory_file("", 0);
    if (in < 0 || result < 0) {
        rc = beba_error_set(err, in < 0 ? in : result, "cannot run Graphviz: %s",
                            strerror(in < 0 ? -in : -result));
        goto out;
    }
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, result, STDOUT_FILENO);
    rc = posix_spawnp(&child, "dot", &actions, NULL, argv, environ);
    if (rc) {
        beba_error_set(err, -rc, "cannot run 'dot' of Graphviz: %s", strerror(rc));
        beba_error_hint(err, "install the package graphviz, or write a .dot file and draw it "
                             "elsewhere");
        rc = -rc;
        goto out;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        rc = beba_error_set(err, -EIO, "Graphviz failed (dot %s)", type);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
            beba_error_hint(err, "install the package graphviz");
        goto out;
    }
    rc = slurp(result, out);
    if (rc)
        beba_error_set(err, rc, "cannot read what Graphviz drew: %s", strerror(-rc));
out:
    posix_spawn_file_actions_destroy(&actions);
    if (in >= 0)
        close(in);
    if (result >= 0)
        close(result);
    return rc;
}

static void add_edge(json_t *edges, const char *from, const char *to, const char *why,
                     json_t *detail)
{
    json_t *edge = json_pack("{s:o, s:o, s:o}", "from", from ? cli_json_text(from) : json_null(),
                             "to", cli_json_text(to), why, detail);

    json_array_append_new(edges, edge);
}

/* The states that a body enters, in any branch. */
static void add_gotos(json_t *edges, const struct beba_table *t, const struct beba_rule *rule,
                      const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_GOTO)
            add_edge(edges, cli_rule_state(t, rule), t->state[s->id].name, "rule",
                     cli_json_text(rule->label));
        add_gotos(edges, t, rule, &s->then);
        add_gotos(edges, t, rule, &s->otherwise);
    }
}

static void add_timeouts(json_t *edges, const struct beba_table *t, uint32_t state)
{
    const struct beba_timeouts *d = &t->timeouts[state];
    const char *from = t->state[state].name;

    if (d->idle)
        add_edge(edges, from, t->state[d->idle_to].name, "idle", cli_json_u64(d->idle));
    if (d->hard)
        add_edge(edges, from, t->state[d->hard_to].name, "hard", cli_json_u64(d->hard));
}

static json_t *machine_json(const struct beba_table *t)
{
    json_t *states = json_array(), *edges = json_array();
    bool flows = t->lookup.kind != BEBA_KEY_NONE;

    for (uint32_t i = 0; flows && i < t->n_states; i++) {
        json_array_append_new(states, cli_json_text(t->state[i].name));
        add_timeouts(edges, t, i);
    }
    for (uint32_t i = 0; i < t->n_rules; i++)
        add_gotos(edges, t, &t->rule[i], &t->rule[i].body);
    return json_pack("{s:o, s:o, s:o}", "name", cli_json_text(t->name), "states", states, "edges",
                     edges);
}

static int print_json(const struct cli_program *p)
{
    const struct beba_pipeline *pl = p->program->pipeline;
    json_t *machines = json_array();

    for (uint32_t i = 0; i < pl->n_tables; i++)
        json_array_append_new(machines, machine_json(&pl->table[i]));
    return cli_print_json(
        stdout, json_pack("{s:o, s:o}", "program", cli_json_text(p->path), "machines", machines));
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *format = choose_format(o);
    struct cli_program p;
    struct beba_strbuf dot = {0}, drawn = {0}, *text = &dot;
    struct beba_error err = {0};
    int rc;

    if (o->json && (o->output || o->format))
        return cli_usage("--json excludes --output and --format");
    cli.json = o->json;
    if (!format)
        return cli_usage("cannot tell a format from '%s': end it in .svg, .png, .pdf or .dot, or "
                         "give --format",
                         o->output);
    rc = cli_load(call->operand[0], true, &p);
    if (rc)
        goto out;
    if (o->json) {
        rc = print_json(&p);
        goto out;
    }
    beba_pipeline_dot(&dot, p.program->pipeline);
    if (dot.failed) {
        rc = cli_fail_with("out of memory");
        goto out;
    }
    if (strcmp(format, "dot") != 0) {
        text = &drawn;
        if (draw(format, &dot, &drawn, &err)) {
            rc = cli_fail(&err);
            goto out;
        }
    }
    if (!o->output || !strcmp(o->output, "-"))
        cli_print(stdout, text);
    else if (cli_write_file(o->output, beba_strbuf_str(text), text->len, &err))
        rc = cli_fail(&err);
out:
    beba_strbuf_free(&dot);
    beba_strbuf_free(&drawn);
    cli_program_free(&p);
    return rc;
}

const struct cli_command cli_graph = {
    .name = "graph",
    .operands = "FILE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_PROGRAM,
    .summary = "the state diagram of a program",
    .text = "Prints the state diagram of a program as Graphviz text, or has Graphviz draw it.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
