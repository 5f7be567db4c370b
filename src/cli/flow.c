/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* beba flow: one flow of a program in the kernel, looked at or changed. */
#include "cli/commands.h"
#include "cli/deployment.h"
#include "cli/flows.h"
#include "lang/lang.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct opts {
    struct cli_number cpu;
    bool json;
};

static const struct cli_option options[] = {
    {.name = "cpu",
     .kind = CLI_NUMBER,
     .arg = "N",
     .offset = offsetof(struct opts, cpu),
     .help = "Change the table of CPU N only, of a machine that has one table a CPU; all of them "
             "without it."},
    {.name = "json",
     .kind = CLI_FLAG,
     .offset = offsetof(struct opts, json),
     .help = "Print the result as one JSON object."},
    {0},
};

struct change {
    const struct cli_call *call;
    const struct opts *o;
    struct cli_deployment d;
    const struct beba_table *t;
    struct beba_object_command command;
};

static int find_state(const struct change *c, const char *name)
{
    const char *names[256], *nearest;
    unsigned n = 0;

    for (uint32_t i = 0; i < c->t->n_states; i++) {
        if (!strcmp(c->t->state[i].name, name))
            return (int)i;
        if (n < sizeof(names) / sizeof(*names))
            names[n++] = c->t->state[i].name;
    }
    nearest = beba_nearest(name, names, n);
    if (nearest)
        cli_usage("machine '%s' has no state '%s'; did you mean '%s'?", c->t->name, name, nearest);
    else
        cli_usage("machine '%s' has no state '%s'; registers are given as name=value", c->t->name,
                  name);
    return -1;
}

static int unknown_register(const struct change *c, const char *name)
{
    const char *names[BEBA_MAX_REGS], *nearest;

    for (uint32_t i = 0; i < c->t->n_regs; i++)
        names[i] = c->t->reg[i].name;
    nearest = beba_nearest(name, names, c->t->n_regs);
    if (nearest)
        return cli_usage("machine '%s' has no register '%s'; did you mean '%s'?", c->t->name, name,
                         nearest);
    return cli_usage("machine '%s' has no register '%s'", c->t->name, name);
}

/* "tries=3" */
static int set_register(struct change *c, const char *text)
{
    size_t n = strcspn(text, "=");
    const struct beba_reg *reg = NULL;
    struct beba_range value;
    struct beba_error err = {0};
    char name[128];

    snprintf(name, sizeof(name), "%.*s", (int)(n < 120 ? n : 120), text);
    for (uint32_t i = 0; i < c->t->n_regs && !reg; i++) {
        if (!strcmp(c->t->reg[i].name, name))
            reg = &c->t->reg[i];
    }
    if (!reg)
        return unknown_register(c, name);
    text += n + 1;
    if (beba_lang_parse_value(text, strlen(text), reg->type, &value, &err)) {
        beba_error_where(&err, "%s", name);
        return cli_fail(&err);
    }
    if (beba_u128_cmp(value.lo, value.hi) != 0)
        return cli_usage("'%s' is more than one value for register '%s'", text, name);
    cli_reg_store(c->command.regs, reg, value.lo);
    for (uint32_t i = reg->offset; i < reg->offset + reg->size; i++)
        c->command.reg_bytes[i / 8] |= (uint8_t)(1u << i % 8);
    return CLI_OK;
}

static int parse_changes(struct change *c)
{
    const struct cli_call *call = c->call;
    int rc = CLI_OK, state;

    if (call->n_operands < 5)
        return cli_usage("what is to be set? give a STATE, or register=value");
    for (unsigned i = 4; i < call->n_operands && !rc; i++) {
        if (strchr(call->operand[i], '=')) {
            rc = set_register(c, call->operand[i]);
            continue;
        }
        if (c->command.set_state)
            return cli_usage("'%s' is a second state: a flow is in one", call->operand[i]);
        state = find_state(c, call->operand[i]);
        if (state < 0)
            return CLI_USAGE;
        c->command.set_state = 1;
        c->command.state = (uint32_t)state;
    }
    return rc;
}

static int failed(const struct change *c, struct beba_error *err)
{
    struct beba_strbuf key = {0};

    beba_key_print(&key, &c->t->lookup, c->command.key);
    beba_error_where(err, "%s: %s", c->t->name, beba_strbuf_str(&key));
    beba_strbuf_free(&key);
    return cli_fail(err);
}

static int tell(const struct change *c, const char *done)
{
    struct beba_strbuf text = {0};
    uint64_t now = beba_kernel_now();
    struct beba_flow flow;
    bool there = beba_kernel_flow_of_key(c->d.kernel, c->command.table, c->command.key, now, &flow);

    if (c->o->json)
        return cli_print_json(
            stdout, json_pack("{s:o, s:s, s:o}", "program", cli_json_text(c->d.info.name), "done",
                              done, "flow", there ? cli_flow_json(c->t, &flow, now) : json_null()));
    if (there) {
        cli_flow_print(&text, c->t, &flow, now);
    } else {
        beba_key_print(&text, &c->t->lookup, c->command.key);
        beba_strbuf_puts(&text, ": no flow\n");
    }
    return cli_print(stdout, &text) ? CLI_OK : CLI_FAILED;
}

static int get(struct change *c)
{
    struct beba_flow flow;
    struct beba_error err;

    if (beba_kernel_flow_of_key(c->d.kernel, c->command.table, c->command.key, beba_kernel_now(),
                                &flow))
        return tell(c, "get");
    beba_error_set(&err, -ENOENT, "no such flow");
    beba_error_hint(&err, "beba show flows %s lists them", c->d.info.name);
    return failed(c, &err);
}

static int change(struct change *c, enum beba_object_op op, const char *done)
{
    struct beba_error err = {0};

    c->command.op = op;
    if (cli_deployment_command(&c->d, &c->command, c->o->cpu.given ? (int)c->o->cpu.value : -1,
                               &err))
        return failed(c, &err);
    return tell(c, done);
}

/* beba flow VERB NAME MACHINE KEY ... */
static int one_flow(struct change *c, const char *verb)
{
    const char *const *operand = c->call->operand;
    struct beba_error err = {0};
    int rc;

    if (c->call->n_operands < 4)
        return cli_usage("flow %s takes NAME MACHINE KEY", verb);
    if (strcmp(verb, "set") != 0 && c->call->n_operands > 4)
        return cli_usage("'%s' is too much: flow %s takes NAME MACHINE KEY", operand[4], verb);
    rc = cli_deployment_open(operand[1], &c->d);
    if (!rc)
        rc = cli_find_machine(c->d.p, operand[2], true, &c->command.table);
    if (rc)
        return rc;
    c->t = &c->d.p->table[c->command.table];
    if (beba_lang_parse_key(operand[3], strlen(operand[3]), &c->t->lookup, c->command.key, &err))
        return cli_fail(&err);
    if (!strcmp(verb, "get"))
        return get(c);
    if (!strcmp(verb, "del"))
        return change(c, BEBA_OBJECT_DEL, "del");
    rc = parse_changes(c);
    return rc ? rc : change(c, BEBA_OBJECT_SET, "set");
}

static int sweep(struct change *c)
{
    struct beba_error err = {0};
    int64_t freed;
    int rc;

    if (c->call->n_operands != 2)
        return cli_usage("flow sweep takes NAME only");
    rc = cli_deployment_open(c->call->operand[1], &c->d);
    if (rc)
        return rc;
    freed = beba_kernel_sweep(c->d.kernel, beba_kernel_now(), &err);
    if (freed < 0)
        return cli_fail(&err);
    if (c->o->json)
        return cli_print_json(stdout,
                              json_pack("{s:o, s:s, s:o}", "program", cli_json_text(c->d.info.name),
                                        "done", "sweep", "freed", cli_json_u64((uint64_t)freed)));
    printf("%lld flow%s had ended and made room\n", (long long)freed, freed == 1 ? "" : "s");
    return CLI_OK;
}

static int run(const struct cli_call *call)
{
    static const char *const verbs[] = {"get", "set", "del", "sweep"};
    struct change c = {.call = call, .o = call->opts};
    const char *verb = call->operand[0], *nearest;
    int rc;

    cli.json = c.o->json;
    if (c.o->cpu.value > INT_MAX)
        return cli_usage("'%llu' is not a CPU", (unsigned long long)c.o->cpu.value);
    if (!strcmp(verb, "get") || !strcmp(verb, "set") || !strcmp(verb, "del")) {
        rc = one_flow(&c, verb);
    } else if (!strcmp(verb, "sweep")) {
        rc = sweep(&c);
    } else {
        nearest = beba_nearest(verb, verbs, sizeof(verbs) / sizeof(*verbs));
        rc = nearest ? cli_usage("'%s' is not get, set, del or sweep; did you mean '%s'?", verb,
                                 nearest)
                     : cli_usage("'%s' is not get, set, del or sweep", verb);
    }
    cli_deployment_close(&c.d);
    return rc;
}

const struct cli_command cli_flow = {
    .name = "flow",
    .operands = "get|set|del|sweep NAME [MACHINE KEY [CHANGE...]]",
    .min = 2,
    .max = UINT_MAX,
    .complete = CLI_COMPLETE_DEPLOYMENT,
    .verbs = "get|set|del|sweep",
    .summary = "look at, change or remove one flow of a running program",
    .text = "get prints the flow of KEY; set makes it or changes its state and registers, each "
            "CHANGE being a STATE or REG=VALUE; del removes it; sweep frees what timeouts have "
            "ended. KEY is written as beba prints it: 'ip.src=10.0.0.1', or '10.0.0.1:1234 <-> "
            "10.0.0.2:80 tcp' for a connection. Changes are made under the lock that packets take.",
    .options = options,
    .size = sizeof(struct opts),
    .run = run,
};
