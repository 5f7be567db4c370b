/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba switch: the OpenFlow switch. */
#include "switch/switch.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "openflow/of.h"
#include "switch/log.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct opts {
    struct cli_list ports, controllers;
    const char *local, *dpid, *private_key, *certificate, *ca_cert, *fail_mode, *dialect, *state,
        *control, *metrics, *pidfile, *log_level, *description, *engine;
    struct cli_number workers, auxiliary, packet_in_rate, probe, max_flows;
    bool notify_states, no_control;
};

static const struct cli_option options[] = {
    {.name = "port",
     .letter = 'p',
     .kind = CLI_LIST,
     .arg = "PORT[=NUMBER]",
     .complete = CLI_COMPLETE_DEVICE,
     .offset = offsetof(struct opts, ports),
     .help = "A port: an interface's name, xdp:NAME, tap:NAME, pcap:IN,OUT or dpdk:DEVICE. Its "
             "number in OpenFlow is the next one that is free, or NUMBER. May be given several "
             "times."},
    {.name = "controller",
     .letter = 'c',
     .kind = CLI_LIST,
     .arg = "ADDRESS",
     .offset = offsetof(struct opts, controllers),
     .help = "Who controls the switch: tcp:HOST[:PORT], tls:HOST[:PORT] or unix:PATH is dialled, "
             "ptcp:[PORT][:HOST], ptls:[PORT][:HOST] or punix:PATH is listened on. May be given "
             "several times."},
    {.name = "auxiliary",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, auxiliary),
     .help = "Auxiliary connections to each controller that is dialled, besides the main one "
             "(default 0, at most 16)."},
    {.name = "local",
     .kind = CLI_STRING,
     .arg = "NAME",
     .offset = offsetof(struct opts, local),
     .help = "Make a TAP device of this name the LOCAL port, the switch's own interface."},
    {.name = "dpid",
     .kind = CLI_STRING,
     .arg = "HEX",
     .offset = offsetof(struct opts, dpid),
     .help = "The datapath's id, up to 16 hexadecimal digits; else the first port's address."},
    {.name = "fail-mode",
     .kind = CLI_STRING,
     .arg = "MODE",
     .choices = "secure|standalone",
     .offset = offsetof(struct opts, fail_mode),
     .help = "What to do while no controller answers: go on with the tables as they are (secure), "
             "or learn addresses and forward by them (standalone)."},
    {.name = "workers",
     .letter = 'w',
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, workers),
     .help = "Threads that forward packets (default 1)."},
    {.name = "engine",
     .kind = CLI_STRING,
     .arg = "ENGINE",
     .choices = "interp|native|auto",
     .offset = offsetof(struct opts, engine),
     .help = "What runs packets through the tables: the interpreter (the default), or native code, "
             "compiled in the background whenever the tables' structure changes, while the "
             "interpreter goes on. auto is native where there is a C compiler."},
    {.name = "packet-in-rate",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, packet_in_rate),
     .help = "Packets a second that controllers are shown at most (default 20k)."},
    {.name = "private-key",
     .kind = CLI_STRING,
     .arg = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, private_key),
     .help = "The switch's key for TLS, in PEM."},
    {.name = "certificate",
     .kind = CLI_STRING,
     .arg = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, certificate),
     .help = "The switch's certificate, in PEM."},
    {.name = "ca-cert",
     .kind = CLI_STRING,
     .arg = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, ca_cert),
     .help = "The authority that has signed the controllers' certificates, in PEM."},
    {.name = "beba-dialect",
     .kind = CLI_STRING,
     .arg = "DIALECT",
     .choices = "auto|advanced|master|openstate",
     .offset = offsetof(struct opts, dialect),
     .help = "Which of the three forms of the BEBA extension controllers speak; auto goes by their "
             "messages, and is advanced until they show another."},
    {.name = "notify-states",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, notify_states),
     .help = "Tell controllers that use the extension of every change of a flow's state."},
    {.name = "max-flows",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, max_flows),
     .help = "Flows that a stateful table keeps at most (default 1Mi)."},
    {.name = "state",
     .letter = 's',
     .kind = CLI_STRING,
     .arg = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, state),
     .help = "Keep the pipeline in this file, and flows' states in files beside it: both are back "
             "when the switch starts again, also after it was killed."},
    {.name = "control",
     .kind = CLI_STRING,
     .arg = "PATH",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, control),
     .help = "The socket that beba ctl talks to (default /run/beba/switch.sock)."},
    {.name = "no-control",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, no_control),
     .help = "Make no control socket."},
    {.name = "metrics",
     .kind = CLI_STRING,
     .arg = "HOST:PORT",
     .offset = offsetof(struct opts, metrics),
     .help = "Show metrics for Prometheus at http://HOST:PORT/metrics."},
    {.name = "pidfile",
     .kind = CLI_STRING,
     .arg = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .offset = offsetof(struct opts, pidfile),
     .help = "Write the process's id there while it runs."},
    {.name = "log-level",
     .kind = CLI_STRING,
     .arg = "LEVEL",
     .choices = "error|warning|notice|info|debug",
     .offset = offsetof(struct opts, log_level),
     .help = "The least important lines that are logged (default info)."},
    {.name = "probe",
     .kind = CLI_DURATION,
     .arg = "TIME",
     .offset = offsetof(struct opts, probe),
     .help = "How long a controller may be silent before it is asked for an echo, and then until "
             "it counts as lost (default 5s; 0 never asks)."},
    {.name = "description",
     .kind = CLI_STRING,
     .arg = "TEXT",
     .offset = offsetof(struct opts, description),
     .help = "How the datapath is described to controllers."},
    {0},
};

static bool parse_dpid(const char *text, uint64_t *out)
{
    size_t n;

    if (!strncmp(text, "0x", 2))
        text += 2;
    n = strlen(text);
    if (!n || n > 16 || strspn(text, "0123456789abcdefABCDEF") != n)
        return false;
    *out = strtoull(text, NULL, 16);
    return true;
}

static const char **texts(const struct cli_list *list)
{
    const char **out = calloc(list->n + 1, sizeof(*out));

    for (unsigned i = 0; out && i < list->n; i++)
        out[i] = list->item[i].value;
    return out;
}

static uint8_t dialect(const char *name)
{
    if (!strcmp(name, "master"))
        return BEBA_DIALECT_MASTER;
    return strcmp(name, "openstate") != 0 ? BEBA_DIALECT_ADVANCED : BEBA_DIALECT_OPENSTATE;
}

static uint8_t engine(const char *name)
{
    if (!name || !strcmp(name, "interp"))
        return BEBA_SWITCH_INTERP;
    return strcmp(name, "auto") != 0 ? BEBA_SWITCH_NATIVE : BEBA_SWITCH_AUTO;
}

static int check(const struct opts *o)
{
    int tls = (o->private_key != NULL) + (o->certificate != NULL) + (o->ca_cert != NULL);

    if (tls && tls < 3)
        return cli_usage("--private-key, --certificate and --ca-cert are given together");
    if (o->workers.given && (!o->workers.value || o->workers.value > 64))
        return cli_usage("there are 1 to 64 workers");
    if (o->auxiliary.value > 16)
        return cli_usage("there are at most 16 auxiliary connections");
    if (o->packet_in_rate.given && o->packet_in_rate.value > 1000000000)
        return cli_usage("the rate of packet-ins is at most 1G");
    if (o->probe.value / 1000000 > INT_MAX)
        return cli_usage("--probe is too long");
    if (o->max_flows.given && (!o->max_flows.value || o->max_flows.value > 1u << 30))
        return cli_usage("--max-flows is from 1 to 1Gi");
    return CLI_OK;
}

static int run(const struct cli_call *call)
{
    const struct opts *o = call->opts;
    const char *name = o->dialect ? o->dialect : "auto",
               *level = o->log_level ? o->log_level : "info";
    char description[64] = "beba";
    struct beba_switch_opts s = {
        .n_controllers = o->controllers.n,
        .n_ports = o->ports.n,
        .local = o->local,
        .has_datapath_id = o->dpid != NULL,
        .auxiliary = (unsigned)o->auxiliary.value,
        .workers = o->workers.given ? (unsigned)o->workers.value : 1,
        .engine = engine(o->engine),
        .packet_in_rate = o->packet_in_rate.given ? (uint32_t)o->packet_in_rate.value : 20000,
        .private_key = o->private_key,
        .certificate = o->certificate,
        .ca_cert = o->ca_cert,
        .standalone = o->fail_mode && !strcmp(o->fail_mode, "standalone"),
        .dialect = dialect(name),
        .detect = !strcmp(name, "auto"),
        .notify_states = o->notify_states,
        .max_flows = o->max_flows.value,
        .state = o->state,
        .control = o->no_control ? NULL : o->control,
        .metrics = o->metrics,
        .pidfile = o->pidfile,
        .log_level = beba_log_level_parse(level),
        .probe = o->probe.given ? (unsigned)(o->probe.value / 1000000) : 5000,
        .description = o->description ? o->description : description,
        .version = "beba " BEBA_VERSION,
    };
    struct beba_error err = {0};
    int rc = check(o);

    if (rc)
        return rc;
    if (o->dpid && !parse_dpid(o->dpid, &s.datapath_id))
        return cli_usage("'%s' is no datapath id: up to 16 hexadecimal digits", o->dpid);
    if (!o->control && !o->no_control) {
        mkdir("/run/beba", 0755);
        s.control = "/run/beba/switch.sock";
    }
    gethostname(description, sizeof(description) - 1);
    s.controllers = texts(&o->controllers);
    s.ports = texts(&o->ports);
    if (!s.controllers || !s.ports)
        rc = cli_fail_with("not enough memory");
    else if (beba_switch_run(&s, &err))
        rc = cli_fail(&err);
    free((void *)(uintptr_t)s.controllers);
    free((void *)(uintptr_t)s.ports);
    return rc;
}

const struct cli_command cli_switch = {
    .name = "switch",
    .operands = "",
    .summary = "an OpenFlow 1.3 switch with the BEBA extension",
    .text =
        "Forwards packets between its ports as controllers say over OpenFlow 1.3, with stateful "
        "tables that controllers set up by the BEBA extension. It runs until it gets SIGTERM "
        "or SIGINT; SIGHUP has it read its certificates again. beba ctl shows what it does.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
