/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Actions, instructions, flow entries, groups, meters and BEBA's modifications as text. */
#include "openflow/text.h"

#include <inttypes.h>

#include "openflow/codec.h"
#include "openflow/fields.h"

/* --- BEBA's parts
 * --------------------------------------------------------------------------------- */

static void print_field(struct beba_strbuf *out, uint8_t field, uint32_t header)
{
    if (field < BEBA_OF_N_FIELDS)
        beba_strbuf_puts(out, beba_of_fields[field].name);
    else
        beba_strbuf_printf(out, "0x%08" PRIx32, header);
}

static void print_scope(struct beba_strbuf *out, const struct beba_of_scope *scope)
{
    if (!scope->n)
        return;
    beba_strbuf_puts(out, ",fields=");
    for (uint32_t i = 0; i < scope->n; i++) {
        if (i)
            beba_strbuf_putc(out, '+');
        print_field(out, scope->field[i], scope->header[i]);
    }
}

static void print_masked(struct beba_strbuf *out, const char *name, uint32_t value, uint32_t mask)
{
    beba_strbuf_printf(out, "%s=%" PRIu32, name, value);
    if (mask != UINT32_MAX)
        beba_strbuf_printf(out, "/0x%" PRIx32, mask);
}

static void print_operand(struct beba_strbuf *out, unsigned type, unsigned id)
{
    static const char *const kinds[] = {"fdv", "gdv", "hf", ""};

    beba_strbuf_printf(out, "%s%u", kinds[type & 3], id);
}

static void print_timeouts(struct beba_strbuf *out, uint32_t hard, uint32_t hard_rollback,
                           uint32_t idle, uint32_t idle_rollback)
{
    if (hard)
        beba_strbuf_printf(out, ",hard_timeout=%" PRIu32 "us,hard_rollback=%" PRIu32, hard,
                           hard_rollback);
    if (idle)
        beba_strbuf_printf(out, ",idle_timeout=%" PRIu32 "us,idle_rollback=%" PRIu32, idle,
                           idle_rollback);
}

static void print_set_state(struct beba_strbuf *out, const struct beba_of_action *a)
{
    beba_strbuf_puts(out, "set_state(");
    print_masked(out, "state", a->set_state.state, a->set_state.mask);
    beba_strbuf_printf(out, ",table=%u", a->set_state.table);
    if (a->set_state.bit)
        beba_strbuf_printf(out, ",bit=%u", a->set_state.bit);
    print_timeouts(out, a->set_state.hard_timeout, a->set_state.hard_rollback,
                   a->set_state.idle_timeout, a->set_state.idle_rollback);
    print_scope(out, &a->set_state.scope);
    beba_strbuf_putc(out, ')');
}

static void print_data_var(struct beba_strbuf *out, const struct beba_of_action *a)
{
    static const struct {
        const char *name;
        unsigned operands;
    } ops[] = {
        [BEBA_ALU_SUM] = {"sum", 2},   [BEBA_ALU_SUB] = {"sub", 2},
        [BEBA_ALU_MUL] = {"mul", 2},   [BEBA_ALU_DIV] = {"div", 2},
        [BEBA_ALU_AVG] = {"avg", 2},   [BEBA_ALU_VAR] = {"var", 3},
        [BEBA_ALU_EWMA] = {"ewma", 3}, [BEBA_ALU_POLY_SUM] = {"poly_sum", 4},
    };
    unsigned op = a->set_data_var.opcode & 7;

    beba_strbuf_puts(out, "set_data_var(");
    print_operand(out, a->set_data_var.out_type, a->set_data_var.out);
    beba_strbuf_printf(out, "=%s", ops[op].name);
    for (unsigned i = 0; i < ops[op].operands; i++) {
        beba_strbuf_putc(out, i ? ' ' : ':');
        if (op == BEBA_ALU_POLY_SUM)
            beba_strbuf_printf(out, "%d*", a->set_data_var.coeff[i]);
        print_operand(out, a->set_data_var.operand_type[i], a->set_data_var.operand[i]);
    }
    beba_strbuf_printf(out, ",table=%u", a->set_data_var.table);
    if (a->set_data_var.bit)
        beba_strbuf_printf(out, ",bit=%u", a->set_data_var.bit);
    print_scope(out, &a->set_data_var.scope);
    beba_strbuf_putc(out, ')');
}

static void print_beba(struct beba_strbuf *out, const struct beba_of_action *a)
{
    switch ((enum beba_act)a->beba) {
    case BEBA_ACT_SET_STATE:
        print_set_state(out, a);
        return;
    case BEBA_ACT_SET_GLOBAL_STATE:
        beba_strbuf_puts(out, "set_global_state(");
        print_masked(out, "global_state", a->set_global_state.value, a->set_global_state.mask);
        beba_strbuf_putc(out, ')');
        return;
    case BEBA_ACT_INC_STATE:
        beba_strbuf_printf(out, "inc_state(table=%u)", a->inc_state.table);
        return;
    case BEBA_ACT_SET_DATA_VAR:
        print_data_var(out, a);
        return;
    case BEBA_ACT_WRITE_CONTEXT:
        beba_strbuf_puts(out, "write_context:");
        if (a->write_context.source == BEBA_CONTEXT_STATE)
            beba_strbuf_puts(out, "state");
        else
            print_operand(out, a->write_context.source, a->write_context.id);
        beba_strbuf_puts(out, "->");
        print_field(out, a->write_context.field, a->write_context.header);
        return;
    }
    beba_strbuf_printf(out, "experimenter(%" PRIu32 ")", a->beba);
}

/* --- actions
 * -------------------------------------------------------------------------------------- */

static void print_output(struct beba_strbuf *out, const struct beba_of_action *a)
{
    if (a->output.port == OFPP_CONTROLLER) {
        beba_strbuf_printf(out, "CONTROLLER:%u", a->output.max_len);
        return;
    }
    if (a->output.port < OFPP_IN_PORT)
        beba_strbuf_puts(out, "output:");
    beba_of_port_print(out, a->output.port);
}

static void print_action(struct beba_strbuf *out, const struct beba_of_action *a)
{
    static const struct {
        const char *format; /* of a number */
        enum { NONE, TTL, TYPE, QUEUE, GROUP } argument;
    } plain[] = {
        [OFPAT_COPY_TTL_OUT] = {"copy_ttl_out", NONE},
        [OFPAT_COPY_TTL_IN] = {"copy_ttl_in", NONE},
        [OFPAT_SET_MPLS_TTL] = {"set_mpls_ttl", TTL},
        [OFPAT_DEC_MPLS_TTL] = {"dec_mpls_ttl", NONE},
        [OFPAT_PUSH_VLAN] = {"push_vlan", TYPE},
        [OFPAT_POP_VLAN] = {"pop_vlan", NONE},
        [OFPAT_PUSH_MPLS] = {"push_mpls", TYPE},
        [OFPAT_POP_MPLS] = {"pop_mpls", TYPE},
        [OFPAT_SET_QUEUE] = {"set_queue", QUEUE},
        [OFPAT_GROUP] = {"group", GROUP},
        [OFPAT_SET_NW_TTL] = {"mod_nw_ttl", TTL},
        [OFPAT_DEC_NW_TTL] = {"dec_ttl", NONE},
        [OFPAT_PUSH_PBB] = {"push_pbb", TYPE},
        [OFPAT_POP_PBB] = {"pop_pbb", NONE},
    };

    if (a->type == OFPAT_OUTPUT) {
        print_output(out, a);
    } else if (a->type == OFPAT_SET_FIELD) {
        beba_of_set_field_print(out, &a->set_field);
    } else if (a->type == OFPAT_EXPERIMENTER) {
        print_beba(out, a);
    } else if (a->type >= sizeof(plain) / sizeof(plain[0]) || !plain[a->type].format) {
        beba_strbuf_printf(out, "unknown(%u)", a->type);
    } else {
        beba_strbuf_puts(out, plain[a->type].format);
        if (plain[a->type].argument == TTL)
            beba_strbuf_printf(out, a->type == OFPAT_SET_MPLS_TTL ? "(%u)" : ":%u", a->ttl);
        else if (plain[a->type].argument == TYPE)
            beba_strbuf_printf(out, ":0x%04x", a->ethertype);
        else if (plain[a->type].argument == QUEUE)
            beba_strbuf_printf(out, ":%" PRIu32, a->queue);
        else if (plain[a->type].argument == GROUP)
            beba_strbuf_printf(out, ":%" PRIu32, a->group);
    }
}

static void print_list(struct beba_strbuf *out, const struct beba_of_actions *actions)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        if (i)
            beba_strbuf_putc(out, ',');
        print_action(out, &actions->action[i]);
    }
}

void beba_of_actions_print(struct beba_strbuf *out, const struct beba_of_actions *actions)
{
    if (actions->n)
        print_list(out, actions);
    else
        beba_strbuf_puts(out, "drop");
}

/* --- instructions
 * --------------------------------------------------------------------------------- */

static void comma(struct beba_strbuf *out, size_t start)
{
    if (out->len > start)
        beba_strbuf_putc(out, ',');
}

void beba_of_instructions_print(struct beba_strbuf *out, const struct beba_of_instructions *i)
{
    size_t start = out->len;

    if (i->present & BEBA_OF_PKT_GEN) {
        beba_strbuf_printf(out, "pkt_gen(template=%" PRIu32 ",actions=", i->template_id);
        beba_of_actions_print(out, &i->generate);
        beba_strbuf_putc(out, ')');
    }
    if (i->present & BEBA_OF_METER) {
        comma(out, start);
        beba_strbuf_printf(out, "meter:%" PRIu32, i->meter);
    }
    if (i->present & BEBA_OF_APPLY && i->apply.n) {
        comma(out, start);
        print_list(out, &i->apply);
    }
    if (i->present & BEBA_OF_CLEAR) {
        comma(out, start);
        beba_strbuf_puts(out, "clear_actions");
    }
    if (i->present & BEBA_OF_WRITE) {
        comma(out, start);
        beba_strbuf_puts(out, "write_actions(");
        beba_of_actions_print(out, &i->write);
        beba_strbuf_putc(out, ')');
    }
    if (i->present & BEBA_OF_METADATA) {
        comma(out, start);
        beba_strbuf_printf(out, "write_metadata:0x%" PRIx64, i->metadata);
        if (i->metadata_mask != UINT64_MAX)
            beba_strbuf_printf(out, "/0x%" PRIx64, i->metadata_mask);
    }
    if (i->present & BEBA_OF_GOTO) {
        comma(out, start);
        beba_strbuf_printf(out, "goto_table:%u", i->table);
    }
    if (out->len == start)
        beba_strbuf_puts(out, "drop");
}

/* --- flow entries
 * ----------------------------------------------------------------------------------- */

static void print_timeouts_and_flags(struct beba_strbuf *out, uint16_t idle, uint16_t hard,
                                     uint16_t flags, const char *separator)
{
    static const struct {
        uint16_t bit;
        const char *name;
    } names[] = {
        {OFPFF_SEND_FLOW_REM, "send_flow_rem"},  {OFPFF_CHECK_OVERLAP, "check_overlap"},
        {OFPFF_RESET_COUNTS, "reset_counts"},    {OFPFF_NO_PKT_COUNTS, "no_packet_counts"},
        {OFPFF_NO_BYT_COUNTS, "no_byte_counts"},
    };

    if (idle)
        beba_strbuf_printf(out, "idle_timeout=%u,%s", idle, separator);
    if (hard)
        beba_strbuf_printf(out, "hard_timeout=%u,%s", hard, separator);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (flags & names[i].bit)
            beba_strbuf_printf(out, "%s%s", names[i].name, *separator ? separator : ",");
    }
}

enum { DEFAULT_PRIORITY = 0x8000 };

static void print_priority_and_match(struct beba_strbuf *out, uint16_t priority,
                                     const struct beba_of_match *match)
{
    size_t start = out->len;

    if (priority != DEFAULT_PRIORITY)
        beba_strbuf_printf(out, "priority=%u", priority);
    if (match->n) {
        comma(out, start);
        beba_of_match_print(out, match);
    }
    if (out->len > start)
        beba_strbuf_putc(out, ' ');
}

void beba_of_flow_print(struct beba_strbuf *out, const struct beba_of_flow_stats *flow)
{
    beba_strbuf_printf(out,
                       "cookie=0x%" PRIx64 ", duration=%" PRIu64 ".%03us, table=%u, "
                       "n_packets=%" PRIu64 ", n_bytes=%" PRIu64 ", ",
                       flow->cookie, flow->duration / 1000000000u,
                       (unsigned)(flow->duration / 1000000u % 1000u), flow->table, flow->packets,
                       flow->bytes);
    print_timeouts_and_flags(out, flow->idle_timeout, flow->hard_timeout, flow->flags, " ");
    print_priority_and_match(out, flow->priority, flow->match);
    beba_strbuf_puts(out, "actions=");
    beba_of_instructions_print(out, flow->instructions);
}

/* Takes what separates from nothing. */
static void trim(struct beba_strbuf *out)
{
    while (!out->failed && out->len && (out->s[out->len - 1] == ',' || out->s[out->len - 1] == ' '))
        out->s[--out->len] = '\0';
}

static bool deletes(const struct beba_of_flow_mod *mod)
{
    return mod->command == OFPFC_DELETE || mod->command == OFPFC_DELETE_STRICT;
}

void beba_of_flow_mod_print(struct beba_strbuf *out, const struct beba_of_flow_mod *mod)
{
    if (mod->cookie_mask)
        beba_strbuf_printf(out, "cookie=0x%" PRIx64 "/0x%" PRIx64 ",", mod->cookie,
                           mod->cookie_mask);
    else if (mod->cookie)
        beba_strbuf_printf(out, "cookie=0x%" PRIx64 ",", mod->cookie);
    if (mod->table != OFPTT_ALL)
        beba_strbuf_printf(out, "table=%u,", mod->table);
    print_timeouts_and_flags(out, mod->idle_timeout, mod->hard_timeout, mod->flags, "");
    if (deletes(mod) && mod->out_port != OFPP_ANY) {
        beba_strbuf_puts(out, "out_port=");
        beba_of_port_print(out, mod->out_port);
        beba_strbuf_putc(out, ',');
    }
    if (deletes(mod) && mod->out_group != OFPG_ANY)
        beba_strbuf_printf(out, "out_group=%" PRIu32 ",", mod->out_group);
    print_priority_and_match(out, mod->priority, &mod->match);
    if (deletes(mod)) {
        trim(out);
        return;
    }
    beba_strbuf_puts(out, "actions=");
    beba_of_instructions_print(out, &mod->instructions);
}

/* --- groups, meters
 * --------------------------------------------------------------------------------- */

void beba_of_group_print(struct beba_strbuf *out, const struct beba_of_group_desc *group)
{
    static const char *const types[] = {"all", "select", "indirect", "ff"};

    beba_strbuf_printf(out, "group_id=%" PRIu32 ",type=%s", group->group,
                       group->type < 4 ? types[group->type] : "?");
    for (uint32_t i = 0; i < group->n_buckets; i++) {
        const struct beba_of_bucket *b = &group->bucket[i];

        beba_strbuf_puts(out, ",bucket=");
        if (group->type == OFPGT_SELECT)
            beba_strbuf_printf(out, "weight:%u,", b->weight);
        if (b->watch_port != OFPP_ANY && b->watch_port)
            beba_strbuf_printf(out, "watch_port:%" PRIu32 ",", b->watch_port);
        if (b->watch_group != OFPG_ANY && b->watch_group)
            beba_strbuf_printf(out, "watch_group:%" PRIu32 ",", b->watch_group);
        beba_strbuf_puts(out, "actions=");
        beba_of_actions_print(out, &b->actions);
    }
}

void beba_of_meter_print(struct beba_strbuf *out, const struct beba_of_meter_config *meter)
{
    beba_strbuf_printf(out, "meter=%" PRIu32 " %s%s%s bands=", meter->meter,
                       meter->flags & OFPMF_PKTPS ? "pktps" : "kbps",
                       meter->flags & OFPMF_BURST ? " burst" : "",
                       meter->flags & OFPMF_STATS ? " stats" : "");
    for (uint32_t i = 0; i < meter->n_bands; i++) {
        const struct beba_of_band *b = &meter->band[i];

        if (i)
            beba_strbuf_putc(out, ' ');
        beba_strbuf_printf(out, "type=%s rate=%" PRIu32,
                           b->type == OFPMBT_DROP          ? "drop"
                           : b->type == OFPMBT_DSCP_REMARK ? "dscp_remark"
                                                           : "experimenter",
                           b->rate);
        if (meter->flags & OFPMF_BURST)
            beba_strbuf_printf(out, " burst_size=%" PRIu32, b->burst);
        if (b->type == OFPMBT_DSCP_REMARK)
            beba_strbuf_printf(out, " prec_level=%u", b->prec_level);
    }
}

/* --- state-mods
 * ------------------------------------------------------------------------------------- */

static void print_key(struct beba_strbuf *out, const struct beba_of_state_mod *mod)
{
    beba_strbuf_puts(out, ",key=");
    for (uint32_t i = 0; i < mod->flow.key_len && i < BEBA_OF_STATE_KEY; i++)
        beba_strbuf_printf(out, "%02x", mod->flow.key[i]);
}

static void print_condition(struct beba_strbuf *out, const struct beba_of_state_mod *mod)
{
    static const char *const ops[] = {">", "<", ">=", "<=", "==", "!="};

    beba_strbuf_printf(out, ",condition%u=", mod->condition.id);
    print_operand(out, mod->condition.operand_type[0], mod->condition.operand[0]);
    beba_strbuf_puts(out, mod->condition.op < 6 ? ops[mod->condition.op] : "?");
    print_operand(out, mod->condition.operand_type[1], mod->condition.operand[1]);
}

void beba_of_state_mod_print(struct beba_strbuf *out, const struct beba_of_state_mod *mod)
{
    static const char *const verbs[] = {
        [BEBA_STATEFUL_TABLE_CONFIG] = "stateful_table",
        [BEBA_SET_L_EXTRACTOR] = "set_lookup_extractor",
        [BEBA_SET_U_EXTRACTOR] = "set_update_extractor",
        [BEBA_SET_FLOW_STATE] = "set_flow_state",
        [BEBA_DEL_FLOW_STATE] = "del_flow_state",
        [BEBA_SET_GLOBAL_STATE] = "set_global_state",
        [BEBA_RESET_GLOBAL_STATE] = "reset_global_state",
        [BEBA_SET_HEADER_FIELD_EXTRACTOR] = "set_header_field_extractor",
        [BEBA_SET_CONDITION] = "set_condition",
        [BEBA_SET_GLOBAL_DATA_VAR] = "set_global_data_var",
        [BEBA_SET_FLOW_DATA_VAR] = "set_flow_data_var",
    };

    beba_strbuf_printf(out, "%s ",
                       mod->command < sizeof(verbs) / sizeof(verbs[0]) ? verbs[mod->command] : "?");
    if (mod->command == BEBA_SET_GLOBAL_STATE) {
        print_masked(out, "global_state", mod->global_state.value, mod->global_state.mask);
        return;
    }
    if (mod->command == BEBA_RESET_GLOBAL_STATE) {
        beba_strbuf_puts(out, "global_state=0");
        return;
    }
    beba_strbuf_printf(out, "table=%u", mod->table);
    switch (mod->command) {
    case BEBA_STATEFUL_TABLE_CONFIG:
        beba_strbuf_printf(out, ",stateful=%u", mod->stateful);
        break;
    case BEBA_SET_L_EXTRACTOR:
    case BEBA_SET_U_EXTRACTOR:
        print_scope(out, &mod->extractor.scope);
        if (mod->extractor.biflow)
            beba_strbuf_puts(out, ",biflow=1");
        if (mod->extractor.bit)
            beba_strbuf_printf(out, ",bit=%u", mod->extractor.bit);
        break;
    case BEBA_SET_FLOW_STATE:
        beba_strbuf_putc(out, ',');
        print_masked(out, "state", mod->flow.state, mod->flow.mask);
        print_timeouts(out, mod->flow.hard_timeout, mod->flow.hard_rollback, mod->flow.idle_timeout,
                       mod->flow.idle_rollback);
        print_key(out, mod);
        break;
    case BEBA_DEL_FLOW_STATE:
        print_key(out, mod);
        break;
    case BEBA_SET_HEADER_FIELD_EXTRACTOR:
        beba_strbuf_printf(out, ",hf%u=", mod->header_field.id);
        print_field(out, mod->header_field.field, mod->header_field.header);
        break;
    case BEBA_SET_CONDITION:
        print_condition(out, mod);
        break;
    case BEBA_SET_GLOBAL_DATA_VAR:
        beba_strbuf_printf(out, ",gdv%u", mod->global_var.id);
        print_masked(out, "", mod->global_var.value, mod->global_var.mask);
        break;
    case BEBA_SET_FLOW_DATA_VAR:
        beba_strbuf_printf(out, ",fdv%u", mod->flow.variable);
        print_masked(out, "", mod->flow.state, mod->flow.mask);
        print_key(out, mod);
        break;
    default:
        break;
    }
}
