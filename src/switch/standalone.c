/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/standalone.h"
#include "openflow/fields.h"
#include "switch/agent.h"

enum { AGE_US = 300 * 1000000 };

static int state_mod(struct beba_dp *dp, const struct beba_of_state_mod *mod,
                     struct beba_of_error *err)
{
    return beba_dp_state_mod(dp, mod, beba_agent_now(), err);
}

static int extractor(struct beba_dp *dp, uint8_t command, enum beba_of_field field,
                     struct beba_of_error *err)
{
    struct beba_of_state_mod mod = {.command = command, .table = BEBA_STANDALONE_TABLE};

    mod.extractor.scope.n = 1;
    mod.extractor.scope.field[0] = (uint8_t)field;
    mod.extractor.scope.header[0] = beba_of_field_header(field, false);
    return state_mod(dp, &mod, err);
}

static struct beba_of_oxm number(unsigned field, uint32_t value)
{
    return (struct beba_of_oxm){.field = (uint8_t)field,
                                .value = {0, value},
                                .mask = beba_of_field_ones((enum beba_of_field)field)};
}

static int add(struct beba_dp *dp, uint8_t table, uint16_t priority, struct beba_of_match match,
               struct beba_of_instructions instructions, struct beba_of_error *err)
{
    struct beba_of_flow_mod mod = {.cookie = BEBA_STANDALONE_COOKIE,
                                   .table = table,
                                   .command = OFPFC_ADD,
                                   .priority = priority,
                                   .buffer = OFP_NO_BUFFER,
                                   .out_port = OFPP_ANY,
                                   .out_group = OFPG_ANY,
                                   .match = match,
                                   .instructions = instructions};

    return beba_dp_flow_mod(dp, &mod, beba_agent_now(), err);
}

/* From a port, to an address that is behind `to` (0: it is not known): learn, then send. */
static int add_pair(struct beba_dp *dp, uint32_t from, uint32_t to, struct beba_of_error *err)
{
    struct beba_of_oxm oxm[2] = {number(OFPXMT_OFB_IN_PORT, from), number(BEBA_OF_STATE, to)};
    struct beba_of_action actions[2] = {
        {.type = OFPAT_EXPERIMENTER,
         .beba = BEBA_ACT_SET_STATE,
         .set_state =
             {.state = from, .mask = ~0u, .table = BEBA_STANDALONE_TABLE, .idle_timeout = AGE_US}},
        {.type = OFPAT_OUTPUT,
         .output = {.port = to ? to : OFPP_FLOOD, .max_len = OFPCML_NO_BUFFER}},
    };
    struct beba_of_instructions i = {
        .present = BEBA_OF_APPLY,
        .apply = {from == to ? 1 : 2, actions},
        .order = {OFPIT_APPLY_ACTIONS},
    };

    return add(dp, BEBA_STANDALONE_TABLE, 1, (struct beba_of_match){2, oxm}, i, err);
}

int beba_standalone_begin(struct beba_dp *dp, struct beba_ports *ports, uint16_t priority,
                          struct beba_of_error *err)
{
    struct beba_of_state_mod on = {
        .command = BEBA_STATEFUL_TABLE_CONFIG, .table = BEBA_STANDALONE_TABLE, .stateful = true};
    struct beba_of_instructions go = {
        .present = BEBA_OF_GOTO, .table = BEBA_STANDALONE_TABLE, .order = {OFPIT_GOTO_TABLE}};
    int r = state_mod(dp, &on, err);

    if (!r)
        r = extractor(dp, BEBA_SET_L_EXTRACTOR, (enum beba_of_field)OFPXMT_OFB_ETH_DST, err);
    if (!r)
        r = extractor(dp, BEBA_SET_U_EXTRACTOR, (enum beba_of_field)OFPXMT_OFB_ETH_SRC, err);
    for (struct beba_swport *p = beba_ports_first(ports); !r && p; p = p->next) {
        r = add_pair(dp, p->number, 0, err);
        for (struct beba_swport *q = beba_ports_first(ports); !r && q; q = q->next)
            r = add_pair(dp, p->number, q->number, err);
    }
    if (!r)
        r = add(dp, 0, priority, (struct beba_of_match){0}, go, err);
    if (r)
        beba_standalone_end(dp);
    return r;
}

void beba_standalone_end(struct beba_dp *dp)
{
    struct beba_of_flow_mod mod = {.cookie = BEBA_STANDALONE_COOKIE,
                                   .cookie_mask = ~0ull,
                                   .table = OFPTT_ALL,
                                   .command = OFPFC_DELETE,
                                   .buffer = OFP_NO_BUFFER,
                                   .out_port = OFPP_ANY,
                                   .out_group = OFPG_ANY};

    beba_dp_flow_mod(dp, &mod, beba_agent_now(), NULL);
}
