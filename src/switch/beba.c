/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The BEBA extension (docs/beba-extension.md): modifications, statistics, FLOW_NOTIFICATION. */
#include "datapath/stateful.h"
#include "switch/session.h"

#include <string.h>

int beba_session_state_mod(struct beba_session *s, const struct beba_of_msg *m,
                           const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    return beba_agent_apply(s->agent, m, bytes, len, err);
}

int beba_session_template_mod(struct beba_session *s, const struct beba_of_msg *m,
                              const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    return beba_agent_apply(s->agent, m, bytes, len, err);
}

/* Types in the order of execution: that of the bits. */
static uint32_t execution_order(const struct beba_of_instructions *i, uint32_t out[8])
{
    static const uint16_t types[] = {OFPIT_EXPERIMENTER,  OFPIT_METER,         OFPIT_APPLY_ACTIONS,
                                     OFPIT_CLEAR_ACTIONS, OFPIT_WRITE_ACTIONS, OFPIT_WRITE_METADATA,
                                     OFPIT_GOTO_TABLE};
    uint32_t n = 0;

    for (unsigned b = 0; b < sizeof(types) / sizeof(types[0]); b++) {
        if (i->present >> b & 1)
            out[n++] = types[b];
    }
    return n;
}

void beba_session_notify(struct beba_session *s, uint32_t xid, const struct beba_of_flow_mod *mod)
{
    struct beba_of_msg m = {.version = OFP_VERSION,
                            .type = OFPT_EXPERIMENTER,
                            .xid = xid,
                            .experimenter = BEBA_EXPERIMENTER,
                            .exp_type = BEBA_MSG_FLOW_NOTIFICATION,
                            .beba = true};

    if (!s->codec.seen_beba || s->codec.dialect == BEBA_DIALECT_OPENSTATE)
        return;
    m.notification.table = mod->table;
    m.notification.kind = OFPT_FLOW_MOD;
    m.notification.match = mod->match;
    m.notification.n = execution_order(&mod->instructions, m.notification.instruction);
    beba_session_send(s, &m, BEBA_CONN_NOTICE);
}

/* --- statistics ----------------------------------------------------------------------------- */

static bool removes(const struct beba_of_request *r)
{
    return r->exp_type == BEBA_MP_STATE_STATS_AND_DELETE ||
           r->exp_type == BEBA_MP_STATE_STATS_AND_DELETE_SHORT;
}

static bool add_state(void *arg, const struct beba_state_entry *e)
{
    struct beba_job *job = arg;
    struct beba_of_state_stats stats = {.table = e->table,
                                        .key_len = e->key_len,
                                        .state = e->state,
                                        .duration = e->duration,
                                        .hard_rollback = e->regs.hard_rollback,
                                        .idle_rollback = e->regs.idle_rollback,
                                        .hard_timeout = e->regs.hard_timeout,
                                        .idle_timeout = e->regs.idle_timeout};

    memcpy(stats.key, e->key, sizeof(stats.key));
    memcpy(stats.vars, e->regs.var, sizeof(stats.vars));
    if (e->lookup)
        stats.lookup = *e->lookup;
    beba_of_reply_add(&job->reply, &stats);
    return !beba_session_job_full(job);
}

static bool step_states(struct beba_job *job)
{
    const struct beba_of_state_request *r = &job->request.state;
    struct beba_state_filter filter = {.table = r->table,
                                       .by_state = r->by_state,
                                       .state = r->state,
                                       .match = r->match,
                                       .remove = removes(&job->request)};

    return beba_datapath_states(job->session->agent->o.dp, &filter, job->now, &job->cursor,
                                add_state, job);
}

static bool step_global(struct beba_job *job)
{
    uint32_t state = beba_datapath_global_state(job->session->agent->o.dp);

    beba_of_reply_add(&job->reply, &state);
    return true;
}

static bool step_data(struct beba_job *job)
{
    struct beba_of_global_data data = {0};

    beba_datapath_global_vars(job->session->agent->o.dp, job->request.table, data.vars);
    beba_of_reply_add(&job->reply, &data);
    return true;
}

static int check_table(uint8_t table, bool all, struct beba_of_error *err)
{
    if (table < BEBA_STATE_TABLES || (all && table == OFPTT_ALL))
        return 0;
    return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID,
                             "table %u cannot be stateful", table);
}

int beba_session_beba_stats(struct beba_session *s, const struct beba_of_msg *m,
                            struct beba_of_error *err)
{
    const struct beba_of_request *r = &m->request;
    int bad;

    if (r->experimenter != BEBA_EXPERIMENTER)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER,
                                 "experimenter 0x%x is not known", r->experimenter);
    if (r->exp_type == BEBA_MP_GLOBAL_STATE)
        return beba_session_job(s, m, step_global, err);
    if (r->global_data) {
        bad = check_table(r->table, false, err);
        return bad ? bad : beba_session_job(s, m, step_data, err);
    }
    bad = check_table(r->state.table, true, err);
    if (!bad && removes(r) && beba_session_main(s)->role == OFPCR_ROLE_SLAVE)
        bad = beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE,
                                "a slave may not remove states");
    return bad ? bad : beba_session_job(s, m, step_states, err);
}
