/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba ctl: asks a running switch, by its control socket. */
#include "cli/cli.h"
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct opts {
    const char *socket;
    struct cli_number table, next;
    bool json;
};

static const struct cli_option options[] = {
    {.name = "control",
     .letter = 'S',
     .kind = CLI_STRING,
     .arg = "PATH",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, socket),
     .help = "The switch's control socket (default /run/beba/switch.sock)."},
    {.name = "table",
     .letter = 't',
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, table),
     .help = "Flows and states of this table only; the table of a program (default 0)."},
    {.name = "next",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, next),
     .help = "The table that a program passes packets on to (default: the one after its own)."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the answers as they come, a JSON object in each line."},
    {0},
};

/* What can be asked, and the name of its argument. */
static const struct {
    const char *name, *arg;
} requests[] = {
    {"show", NULL},     {"ports", NULL},      {"tables", NULL},     {"flows", NULL},
    {"groups", NULL},   {"meters", NULL},     {"states", NULL},     {"controllers", NULL},
    {"counters", NULL}, {"events", NULL},     {"save", NULL},       {"stop", NULL},
    {"log", "level"},   {"port-add", "port"}, {"port-del", "port"}, {"programs", NULL},
    {"load", "path"},   {"unload", NULL},
};

static int connect_to(const char *path, struct beba_error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(to.sun_path))
        return beba_error_set(err, -ENAMETOOLONG, "the socket's path is too long");
    memcpy(to.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to))) {
        beba_error_set(err, -errno, "cannot reach the switch: %s", strerror(errno));
        beba_error_where(err, "%s", path);
        beba_error_hint(err, "is beba switch running, with this --control?");
        if (fd >= 0)
            close(fd);
        return err->code;
    }
    return fd;
}

/* "name=eth0 up=true lost=(ring_full=3)" */
static void print_value(struct beba_strbuf *out, const json_t *v)
{
    const char *key;
    json_t *part;
    size_t i, n = 0;

    switch (json_typeof(v)) {
    case JSON_STRING:
        beba_strbuf_puts(out, json_string_value(v));
        break;
    case JSON_INTEGER:
        beba_strbuf_printf(out, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        beba_strbuf_printf(out, "%.3fs", json_real_value(v));
        break;
    case JSON_OBJECT:
        json_object_foreach((json_t *)(uintptr_t)v, key, part)
        {
            beba_strbuf_printf(out, "%s%s=", n++ ? " " : "", key);
            if (json_is_object(part))
                beba_strbuf_putc(out, '(');
            print_value(out, part);
            if (json_is_object(part))
                beba_strbuf_putc(out, ')');
        }
        break;
    case JSON_ARRAY:
        json_array_foreach(v, i, part)
        {
            if (i)
                beba_strbuf_putc(out, ',');
            print_value(out, part);
        }
        break;
    default:
        beba_strbuf_puts(out, json_is_true(v) ? "yes" : "no");
        break;
    }
}

/* The last line of an answer; *rc is the command's result then. */
static bool last_line(const struct opts *o, const json_t *v, int *rc)
{
    const char *what = json_string_value(json_object_get(v, "error"));
    struct beba_error err = {0};

    if (what) {
        beba_error_set(&err, -EINVAL, "%s", what);
        beba_error_where(&err, "%s", json_string_value(json_object_get(v, "where")));
        beba_error_hint(&err, "%s", json_string_value(json_object_get(v, "hint")));
        *rc = cli_fail(&err);
        return true;
    }
    return json_object_get(v, "ok") != NULL;
}

/* Prints the lines of an answer. */
static int answer(const struct opts *o, int fd)
{
    FILE *f = fdopen(fd, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int rc = CLI_FAILED;
    bool end = false;

    if (!f) {
        close(fd);
        return cli_fail_with("not enough memory");
    }
    while (!end && (n = getline(&line, &size, f)) > 0) {
        struct beba_strbuf out = {0};
        json_t *v;

        /* A million lines are passed on as they are. */
        if (o->json && strncmp(line, "{\"ok\"", 5) != 0 && strncmp(line, "{\"error\"", 8) != 0) {
            rc = CLI_OK;
            end = fwrite(line, 1, (size_t)n, stdout) < (size_t)n;
            if (!strncmp(line, "{\"event\"", 8))
                fflush(stdout);
            continue;
        }
        v = json_loadb(line, (size_t)n, 0, NULL);

        rc = v ? CLI_OK : cli_fail_with("the switch's answer is no JSON");
        end = !v || last_line(o, v, &rc);
        if (!end) {
            print_value(&out, v);
            beba_strbuf_putc(&out, '\n');
        }
        json_decref(v);
        if (out.len && !cli_print(stdout, &out))
            end = true;
    }
    if (!end && !rc)
        rc = cli_fail_with("the switch has closed the connection");
    else if (!end)
        rc = cli_fail_with("the switch does not answer");
    free(line);
    fclose(f);
    return rc;
}

/* The switch has another working directory. */
static json_t *argument(const char *name, const struct cli_call *call)
{
    char *path = !strcmp(name, "path") ? realpath(call->operand[1], NULL) : NULL;
    json_t *v = cli_json_text(path ? path : call->operand[1]);

    free(path);
    return v;
}

static json_t *request_of(const struct cli_call *call, const char **wrong)
{
    const struct opts *o = call->opts;
    json_t *request = json_object();

    *wrong = "is no request; beba help ctl lists them";
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(call->operand[0], requests[i].name) != 0)
            continue;
        *wrong = NULL;
        if ((call->n_operands == 2) != (requests[i].arg != NULL))
            *wrong = requests[i].arg ? "needs what it is about" : "takes no operand";
        else if (requests[i].arg)
            json_object_set_new(request, requests[i].arg, argument(requests[i].arg, call));
    }
    json_object_set_new(request, "do", cli_json_text(call->operand[0]));
    if (o->table.given)
        json_object_set_new(request, "table", cli_json_u64(o->table.value));
    if (o->next.given)
        json_object_set_new(request, "next", cli_json_u64(o->next.value));
    return request;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    struct beba_error err = {0};
    const char *wrong;
    json_t *request = request_of(call, &wrong);
    char *text;
    int fd, rc;

    cli.json = o->json;
    text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (wrong || !text) {
        free(text);
        return wrong ? cli_usage("'%s' %s", call->operand[0], wrong)
                     : cli_fail_with("not enough memory");
    }
    fd = connect_to(o->socket ? o->socket : "/run/beba/switch.sock", &err);
    if (fd < 0) {
        rc = cli_fail(&err);
    } else if (dprintf(fd, "%s\n", text) < 0) {
        close(fd);
        rc = cli_fail_with("cannot ask the switch: %s", strerror(errno));
    } else {
        rc = answer(o, fd);
    }
    free(text);
    return rc;
}

const struct cli_command cli_ctl = {
    .name = "ctl",
    .operands = "REQUEST [ARGUMENT]",
    .min = 1,
    .max = 2,
    .verbs = "show|ports|tables|flows|groups|meters|states|controllers|counters|events|log|save|"
             "port-add|port-del|programs|load|unload|stop",
    .summary = "look at a running switch, and change it",
    .text =
        "Asks a running beba switch by its control socket: show, ports, tables, flows, groups, "
        "meters, states, controllers, counters or programs list what there is, events waits for "
        "what happens; log LEVEL, port-add PORT[=NUMBER], port-del PORT, load PROGRAM, unload, "
        "save and stop change it.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
