/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba top: what programs in the kernel do, again and again. top_view.c draws. */
#include "cli/top.h"

#include "cli/commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct opts {
    struct cli_number interval, count;
    bool once, no_events, json;
};

static const struct cli_option options[] = {
    {.name = "interval",
     .letter = 'i',
     .kind = CLI_DURATION,
     .arg = "TIME",
     .offset = offsetof(struct opts, interval),
     .help = "Time between refreshes, over which rates are taken; 1s without it."},
    {.name = "count",
     .letter = 'c',
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, count),
     .help = "Stop after N refreshes."},
    {.name = "once",
     .letter = '1',
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, once),
     .help = "One refresh, after one interval, as plain text."},
    {.name = "no-events",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, no_events),
     .help = "Leave events alone. An event goes to one reader: what this command shows, beba show "
             "events does not."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print one JSON object a refresh, in a line each."},
    {0},
};

enum { LEAST_MS = 100, MOST_MS = 3600 * 1000, SLOW = 5 };

struct top {
    const struct opts *o;
    const char *only; /* the one program; NULL: all */
    struct top_program *program;
    unsigned n;
    bool screen, colour;
    struct termios before; /* of the terminal */
};

/* --- the terminal -------------------------------------------------------------------------- */

static volatile sig_atomic_t resized, stopped;

static void on_signal(int sig)
{
    if (sig == SIGWINCH)
        resized = 1;
    else
        stopped = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGWINCH, &action, NULL);
}

/* Another screen, without cursor; keys come one by one and unseen. */
static void screen_on(struct top *top)
{
    struct termios raw;

    if (!top->screen)
        return;
    if (!tcgetattr(STDIN_FILENO, &top->before)) {
        raw = top->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs("\033[?1049h\033[?25l", stdout);
    fflush(stdout);
}

static void screen_off(struct top *top)
{
    if (!top->screen)
        return;
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &top->before);
}

static void screen_size(unsigned *rows, unsigned *columns)
{
    struct winsize size;

    *rows = 24;
    *columns = 80;
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
        *rows = size.ws_row;
        *columns = size.ws_col;
    }
}

/* --- programs ------------------------------------------------------------------------------ */

static void program_free(struct top_program *t)
{
    cli_deployment_close(&t->d);
    free(t->rule);
    free(t->rule_before);
    for (uint32_t i = 0; t->states && i < t->n_tables; i++)
        free(t->states[i]);
    free(t->states);
}

static bool is_there(const char *name)
{
    struct beba_kernel *k = NULL;
    bool there = !beba_kernel_open(NULL, name, &k, NULL);

    beba_kernel_close(k);
    return there;
}

static bool same_program(const struct top_program *t)
{
    struct beba_kernel *k = NULL;
    struct beba_kernel_info now;
    bool same = false;

    if (!beba_kernel_open(NULL, t->name, &k, NULL)) {
        beba_kernel_info(k, &now);
        same = now.program_id == t->d.info.program_id;
    }
    beba_kernel_close(k);
    return same;
}

static int program_open(struct top_program *t, const char *name)
{
    const struct beba_pipeline *p;
    int rc = cli_deployment_open(name, &t->d);

    if (rc)
        return rc;
    p = t->d.p;
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->n_tables = p->n_tables;
    t->rule = calloc(p->n_rules + 1, sizeof(*t->rule));
    t->rule_before = calloc(p->n_rules + 1, sizeof(*t->rule_before));
    t->states = calloc(p->n_tables + 1, sizeof(*t->states));
    if (!t->rule || !t->rule_before || !t->states)
        return cli_fail_with("out of memory");
    for (uint32_t i = 0; i < p->n_tables; i++) {
        t->states[i] = calloc(p->table[i].n_states + 1, sizeof(**t->states));
        if (!t->states[i])
            return cli_fail_with("out of memory");
    }
    return CLI_OK;
}

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Counting millions of flows takes its time: then it is done in some refreshes only. */
static void count_states(struct top_program *t, uint64_t interval)
{
    uint64_t start = clock_ns(), now = beba_kernel_now();

    if (t->skip) {
        t->skip--;
        return;
    }
    for (uint32_t i = 0; i < t->n_tables; i++) {
        const struct beba_table *table = &t->d.p->table[i];
        struct beba_flow flow;
        uint64_t cursor = 0;

        memset(t->states[i], 0, table->n_states * sizeof(**t->states));
        while (beba_kernel_next_flow(t->d.kernel, i, now, &cursor, &flow)) {
            if (flow.state < table->n_states)
                t->states[i][flow.state]++;
        }
    }
    t->skip = (unsigned)((clock_ns() - start) * SLOW / (interval + 1));
}

static int keep_event(void *arg, const void *record, size_t size)
{
    struct top_program *t = arg;
    struct beba_event *slot = &t->event[t->n_events % TOP_EVENTS];

    if (beba_kernel_event(t->d.kernel, record, size, slot))
        t->n_events++;
    return 0;
}

static void look(struct top *top, struct top_program *t, uint64_t interval)
{
    uint64_t now = clock_ns();

    t->seconds = t->when ? (double)(now - t->when) / 1e9 : 0;
    t->when = now;
    t->before = t->stats;
    memcpy(t->rule_before, t->rule, t->d.p->n_rules * sizeof(*t->rule));
    beba_kernel_stats(t->d.kernel, &t->stats);
    for (uint32_t i = 0; i < t->d.p->n_rules; i++)
        beba_kernel_rule(t->d.kernel, i, &t->rule[i]);
    t->events_before = t->n_events;
    if (!top->o->no_events && t->seconds > 0) /* the first look is not told: later ones are */
        beba_kernel_events(t->d.kernel, 0, keep_event, t, NULL);
    if (t->seconds > 0 || top->screen)
        count_states(t, interval);
}

static struct top_program *find(struct top *top, const char *name)
{
    for (unsigned i = 0; i < top->n; i++) {
        if (!strcmp(top->program[i].name, name))
            return &top->program[i];
    }
    return NULL;
}

/* Takes over what is there: programs come and go, and are replaced. The first look at a program
 * gives no rates. */
static int refresh(struct top *top, uint64_t interval)
{
    const char *const *names = &top->only, *const *list = NULL;
    struct top_program *now;
    struct beba_error err = {0};
    int n = 1, rc = CLI_OK;
    unsigned there = 0;

    if (!top->only) {
        n = beba_kernel_list(NULL, &list, &err);
        names = list;
    }
    if (n < 0)
        return cli_fail(&err);
    now = calloc((size_t)n + 1, sizeof(*now));
    if (!now) {
        free((void *)(uintptr_t)list);
        return cli_fail_with("out of memory");
    }
    for (int i = 0; i < n && !rc; i++) {
        struct top_program *old = find(top, names[i]);

        if (old && same_program(old)) {
            now[there++] = *old;
            *old = (struct top_program){0};
            continue;
        }
        if (!top->only && !is_there(names[i]))
            continue; /* gone since */
        rc = program_open(&now[there], names[i]);
        if (!rc)
            look(top, &now[there], interval);
        there++;
    }
    for (unsigned i = 0; i < top->n; i++)
        program_free(&top->program[i]);
    free(top->program);
    free((void *)(uintptr_t)list);
    top->program = now;
    top->n = there;
    return rc;
}

/* --- the loop ------------------------------------------------------------------------------ */

/* Waits until then; true when the user wants to leave. */
static bool wait_until(struct top *top, uint64_t when)
{
    struct pollfd keys = {.fd = top->screen ? STDIN_FILENO : -1, .events = POLLIN};
    uint64_t now;

    while (!stopped && !resized && (now = clock_ns()) < when) {
        char key = 0;

        if (poll(&keys, 1, (int)((when - now) / 1000000) + 1) <= 0)
            continue;
        if (read(STDIN_FILENO, &key, 1) != 1)
            keys.fd = -1; /* the terminal is gone: go on without keys */
        if (key == 'q' || key == 'Q')
            return true;
    }
    return stopped;
}

static bool draw(struct top *top)
{
    struct beba_strbuf out = {0};
    struct top_size size;

    if (top->o->json) {
        json_t *json = top_json(top->program, top->n);
        int rc = json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);

        fputc('\n', stdout);
        json_decref(json);
        return !rc && !fflush(stdout);
    }
    size = (struct top_size){UINT32_MAX, UINT32_MAX, top->colour};
    if (top->screen)
        screen_size(&size.rows, &size.columns);
    if (top->screen)
        beba_strbuf_puts(&out, "\033[H");
    top_draw(&out, top->program, top->n, &size, top->only != NULL);
    if (top->screen)
        beba_strbuf_puts(&out, "\033[J");
    else if (!top->o->once)
        beba_strbuf_putc(&out, '\n');
    return cli_print(stdout, &out) && !fflush(stdout);
}

static int loop(struct top *top, uint64_t interval)
{
    uint64_t limit = top->o->once ? 1 : top->o->count.given ? top->o->count.value : UINT64_MAX;
    uint64_t next = clock_ns(), done = 0;
    int rc = refresh(top, interval);
    bool leave = false;

    if (!rc && top->screen)
        leave = !draw(top);
    while (!rc && !leave && done < limit) {
        next += interval;
        if (next < clock_ns())
            next = clock_ns() + interval;
        do {
            resized = 0;
            leave = wait_until(top, next);
            if (resized && !leave)
                leave = !draw(top);
        } while (resized && !leave);
        if (leave)
            break;
        rc = refresh(top, interval);
        for (unsigned i = 0; i < top->n && !rc; i++)
            look(top, &top->program[i], interval);
        if (!rc)
            leave = !draw(top);
        done++;
    }
    return rc;
}

static int run(const struct cli_call *call)
{
    struct top top = {.o = call->opts};
    uint64_t interval = top.o->interval.given ? top.o->interval.value : 1000000000;
    const char *term = getenv("TERM");
    int rc;

    cli.json = top.o->json;
    if (interval / 1000000 < LEAST_MS || interval / 1000000 > MOST_MS)
        return cli_usage("an interval is from 100ms to 1h");
    top.only = call->n_operands ? call->operand[0] : NULL;
    top.screen = !top.o->json && !top.o->once && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) &&
                 term && strcmp(term, "dumb") != 0;
    top.colour = cli_colour(stdout);
    catch_signals();
    screen_on(&top);
    rc = loop(&top, interval);
    screen_off(&top);
    for (unsigned i = 0; i < top.n; i++)
        program_free(&top.program[i]);
    free(top.program);
    return rc;
}

const struct cli_command cli_top = {
    .name = "top",
    .operands = "[NAME]",
    .max = 1,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .summary = "watch running programs: rates, verdicts, rules, flows, events",
    .text = "Shows the programs in the kernel and what they do, refreshed each second: packets and "
            "bits a second, verdicts, rates by rule, flows by state, newest events. On a terminal "
            "it fills the screen, and q leaves; otherwise it prints plain text. It changes "
            "nothing but that it takes events.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
