/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs at tables: the half that knows the datapath (the other one is machine.c). */
#include "datapath/program.h"

#include "base/error.h"
#include "datapath/machine.h"
#include "datapath/state_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct beba_table_program {
    struct beba_machine *machine;
    uint8_t next;
    bool compiled; /* control: or it has been tried */
    char name[];
};

static struct beba_table_program *program_at(struct beba_datapath *dp, uint8_t table)
{
    if (table >= BEBA_DP_TABLES)
        return NULL;
    return atomic_load_explicit(&beba_datapath_stateful(dp)->program[table], memory_order_acquire);
}

/* Loading ------------------------------------------------------------------------------------ */

static void free_program(void *arg)
{
    struct beba_table_program *p = arg;

    if (p)
        beba_machine_free(p->machine);
    free(p);
}

static int check_place(struct beba_datapath *dp, const struct beba_datapath_program_opts *opts,
                       struct beba_error *err)
{
    uint8_t next = opts->next ? opts->next : (uint8_t)(opts->table + 1);

    if (opts->table >= BEBA_DP_TABLES - 1 || next <= opts->table || next >= BEBA_DP_TABLES)
        return beba_error_set(err, -EINVAL,
                              "a program at table %u cannot pass packets on to table %u",
                              opts->table, next);
    if (program_at(dp, opts->table))
        return 0;
    if (beba_datapath_stateful_table(dp, opts->table) || beba_table_has_entries(dp, opts->table)) {
        beba_error_set(err, -EBUSY, "table %u has %s", opts->table,
                       beba_datapath_stateful_table(dp, opts->table) ? "states" : "entries");
        beba_error_hint(err, "give another table, or empty this one");
        return -EBUSY;
    }
    return 0;
}

static void publish(struct beba_datapath *dp, uint8_t table, struct beba_table_program *p)
{
    _Atomic(struct beba_table_program *) *place = &beba_datapath_stateful(dp)->program[table];
    struct beba_table_program *old = atomic_load(place);

    atomic_store_explicit(place, p, memory_order_release);
    beba_datapath_set_stateful_table(dp, table, p != NULL);
    if (old)
        beba_datapath_defer(dp, free_program, old);
}

int beba_datapath_program_load(struct beba_datapath *dp,
                               const struct beba_datapath_program_opts *opts,
                               struct beba_program *program, struct beba_error *err)
{
    const struct beba_machine_opts machine = {
        .state_dir = opts->state_dir, .capacity = opts->capacity, .n_workers = dp->opts.n_workers};
    const char *name = opts->name ? opts->name : "";
    size_t size = strlen(name) + 1;
    struct beba_table_program *p;
    int rc = check_place(dp, opts, err);

    if (rc)
        return rc;
    p = calloc(1, sizeof(*p) + size);
    if (!p)
        return beba_error_set(err, -ENOMEM, "out of memory");
    memcpy(p->name, name, size);
    p->next = opts->next ? opts->next : (uint8_t)(opts->table + 1);
    rc = beba_machine_new(program, &machine, &p->machine, err);
    if (rc) {
        free(p);
        return rc;
    }
    publish(dp, opts->table, p);
    return 0;
}

int beba_datapath_program_unload(struct beba_datapath *dp, uint8_t table)
{
    if (!program_at(dp, table))
        return -ENOENT;
    publish(dp, table, NULL);
    return 0;
}

const char *beba_datapath_program_name(struct beba_datapath *dp, uint8_t table)
{
    const struct beba_table_program *p = program_at(dp, table);

    return p ? p->name : NULL;
}

struct beba_machine *beba_datapath_program_uncompiled(struct beba_datapath *dp)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        struct beba_table_program *p = program_at(dp, (uint8_t)i);

        if (!p || p->compiled)
            continue;
        p->compiled = true;
        return p->machine;
    }
    return NULL;
}

void beba_programs_free(struct beba_stateful *s)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++)
        free_program(atomic_load(&s->program[i]));
}

void beba_programs_expire(struct beba_stateful *s, uint64_t now)
{
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        struct beba_table_program *p = atomic_load(&s->program[i]);

        if (p)
            beba_machine_expire(p->machine, now);
    }
}

void beba_datapath_program_events(struct beba_datapath *dp, uint8_t table,
                                  void (*fn)(void *arg, uint64_t time, const char *text), void *arg)
{
    struct beba_table_program *p = program_at(dp, table);
    bool more = p != NULL;

    while (more) {
        struct beba_strbuf text = {0};
        uint64_t time = 0;

        more = beba_machine_event(p->machine, &text, &time);
        if (more && !text.failed)
            fn(arg, time, beba_strbuf_str(&text));
        beba_strbuf_free(&text);
    }
}

/* Packets ------------------------------------------------------------------------------------ */

/* Sends what the program mirrored. */
static void send_copy(struct beba_datapath_exec *x, struct beba_machine *m, uint32_t i)
{
    struct beba_packet packet = *x->packet;
    struct beba_datapath_exec copy;
    const uint8_t *data;
    uint32_t port;

    if (!beba_datapath_may_copy(x))
        return;
    beba_machine_copy(m, x->worker->index, i, &port, &data, &packet.len);
    packet.data = (uint8_t *)(uintptr_t)data; /* only sent */
    packet.headroom = packet.tailroom = 0;
    beba_packet_parse(&packet);
    beba_datapath_lend(x, &copy);
    copy.packet = &packet;
    copy.stale = true;
    beba_datapath_output(&copy, port, 0);
}

enum beba_program_way beba_datapath_run_program(struct beba_datapath_exec *x, uint8_t *table)
{
    const struct beba_table_program *p = program_at(x->dp, *table);
    struct beba_machine_result r;

    if (!p)
        return BEBA_PROGRAM_NONE;
    x->table = *table;
    x->stale = true; /* whatever it does to the headers */
    beba_machine_run(p->machine, x->worker->index, x->packet, &r);
    for (uint32_t i = 0; i < r.n_copies; i++)
        send_copy(x, p->machine, i);
    beba_count(&x->worker->memory->table[*table].lookups, 1);
    beba_count(&x->worker->memory->table[*table].matches, r.rule != UINT32_MAX);
    x->cookie = r.rule == UINT32_MAX ? UINT64_MAX : r.rule;
    x->reason = OFPR_ACTION;
    if (r.verdict == BEBA_MACHINE_PASS) {
        *table = p->next;
        return BEBA_PROGRAM_GOES_ON;
    }
    x->last = true;
    if (r.verdict == BEBA_MACHINE_DROP)
        beba_datapath_drop(x, BEBA_DP_DROP_PROGRAM);
    else if (r.verdict == BEBA_MACHINE_BUSY)
        beba_datapath_drop(x, BEBA_DP_DROP_BUSY);
    else
        beba_datapath_output(x, r.port, OFPCML_NO_BUFFER);
    return BEBA_PROGRAM_ENDED;
}

/* Statistics --------------------------------------------------------------------------------- */

/* What says at least what the filter says. */
static bool passes(const struct beba_datapath_flow_filter *filter,
                   const struct beba_datapath_flow *flow)
{
    struct beba_key value, mask, want, of;
    const struct beba_of_actions *apply = &flow->instructions->apply;

    if ((flow->cookie ^ filter->cookie) & filter->cookie_mask)
        return false;
    if (filter->out_group != OFPG_ANY ||
        (filter->out_port != OFPP_ANY &&
         (!apply->n || apply->action->output.port != filter->out_port)))
        return false;
    beba_key_match(flow->match, &value, &mask);
    beba_key_match(&filter->match, &want, &of);
    for (unsigned w = 0; w < BEBA_KEY_WORDS; w++)
        if ((mask.w[w] & of.w[w]) != of.w[w] || (w && (value.w[w] & of.w[w]) != want.w[w]))
            return false;
    return true;
}

static bool show_rule(struct beba_table_program *p, uint8_t table, uint32_t i,
                      const struct beba_datapath_flow_filter *filter,
                      bool (*fn)(void *arg, const struct beba_datapath_flow *flow), void *arg)
{
    struct beba_machine_rule rule;
    struct beba_of_action output = {.type = OFPAT_OUTPUT};
    struct beba_of_instructions instructions = {.table = p->next};
    struct beba_of_match match = {.oxm = rule.match};
    struct beba_datapath_flow flow = {
        .table = table,
        .priority = (uint16_t)(i < UINT16_MAX ? UINT16_MAX - i : 1),
        .cookie = i,
        .match = &match,
        .instructions = &instructions,
    };
    char name[256];

    beba_machine_rule(p->machine, i, &rule);
    match.n = rule.n_match;
    flow.packets = rule.packets;
    flow.bytes = rule.bytes;
    if (rule.decides && rule.verdict.verdict == BEBA_MACHINE_PASS) {
        instructions.present = BEBA_OF_GOTO;
    } else if (rule.decides && rule.verdict.verdict == BEBA_MACHINE_OUTPUT) {
        instructions.present = BEBA_OF_APPLY;
        output.output.port = rule.verdict.port;
        output.output.max_len = OFPCML_NO_BUFFER;
        instructions.apply = (struct beba_of_actions){1, &output};
    }
    snprintf(name, sizeof(name), "%s: %s", rule.machine, rule.label);
    flow.name = name;
    return !passes(filter, &flow) || fn(arg, &flow);
}

bool beba_datapath_program_flows(struct beba_datapath *dp, uint8_t table,
                                 const struct beba_datapath_flow_filter *filter, uint64_t *cursor,
                                 bool (*fn)(void *arg, const struct beba_datapath_flow *flow),
                                 void *arg)
{
    struct beba_table_program *p = program_at(dp, table);
    uint32_t n = p ? beba_machine_rules(p->machine) : 0;

    while (*cursor < n)
        if (!show_rule(p, table, (uint32_t)(*cursor)++, filter, fn, arg))
            return false;
    return true;
}

uint32_t beba_datapath_program_rules(struct beba_datapath *dp, uint8_t table)
{
    const struct beba_table_program *p = program_at(dp, table);

    return p ? beba_machine_rules(p->machine) : 0;
}
