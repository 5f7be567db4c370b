/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Table features [7.3.5.5]: every table can do everything. A controller may set names, and ask for
 * any part of what there is; it gets all of it. */
#include "openflow/fields.h"
#include "switch/session.h"

#include <string.h>

enum { ACTIONS = 16, FIELDS = 40, INSTRUCTIONS = 6 };

/* What every table's properties list. */
struct lists {
    struct beba_of_id instruction[INSTRUCTIONS], action[ACTIONS], match[FIELDS], wildcard[FIELDS],
        settable[FIELDS];
    uint32_t n_settable;
    uint8_t next[BEBA_DP_TABLES];
};

static const uint16_t actions[ACTIONS] = {
    OFPAT_OUTPUT,       OFPAT_COPY_TTL_OUT, OFPAT_COPY_TTL_IN, OFPAT_SET_MPLS_TTL,
    OFPAT_DEC_MPLS_TTL, OFPAT_PUSH_VLAN,    OFPAT_POP_VLAN,    OFPAT_PUSH_MPLS,
    OFPAT_POP_MPLS,     OFPAT_SET_QUEUE,    OFPAT_GROUP,       OFPAT_SET_NW_TTL,
    OFPAT_DEC_NW_TTL,   OFPAT_SET_FIELD,    OFPAT_PUSH_PBB,    OFPAT_POP_PBB,
};

static void fill(struct lists *l)
{
    memset(l, 0, sizeof(*l));
    for (uint32_t i = 0; i < INSTRUCTIONS; i++)
        l->instruction[i].id = OFPIT_GOTO_TABLE + i;
    for (uint32_t i = 0; i < ACTIONS; i++)
        l->action[i].id = actions[i];
    for (uint32_t i = 0; i < FIELDS; i++) {
        enum beba_of_field f = (enum beba_of_field)i;

        l->match[i].id = beba_of_field_header(f, beba_of_fields[i].maskable);
        l->wildcard[i].id = beba_of_field_header(f, false);
        if (beba_of_fields[i].settable)
            l->settable[l->n_settable++].id = beba_of_field_header(f, false);
    }
    for (uint32_t i = 0; i < BEBA_DP_TABLES; i++)
        l->next[i] = (uint8_t)i;
}

static struct beba_of_table_property ids(uint16_t type, const struct beba_of_id *id, uint32_t n)
{
    return (struct beba_of_table_property){.type = type, .n = n, .id = id};
}

static void add_table(struct beba_job *job, const struct lists *l, unsigned t)
{
    struct beba_of_table_property p[14];
    struct beba_of_table_features f = {
        .table = (uint8_t)t, .metadata_match = ~0ull, .metadata_write = ~0ull, .property = p};
    struct beba_datapath_table_stats stats;
    uint32_t n = 0, next = BEBA_DP_TABLES - t - 1, instructions = next ? 0 : 1;
    static const uint16_t action_types[] = {OFPTFPT_WRITE_ACTIONS, OFPTFPT_WRITE_ACTIONS_MISS,
                                            OFPTFPT_APPLY_ACTIONS, OFPTFPT_APPLY_ACTIONS_MISS};
    static const uint16_t set_types[] = {OFPTFPT_WRITE_SETFIELD, OFPTFPT_WRITE_SETFIELD_MISS,
                                         OFPTFPT_APPLY_SETFIELD, OFPTFPT_APPLY_SETFIELD_MISS};

    beba_datapath_table_stats(job->session->agent->o.dp, (uint8_t)t, &stats);
    f.max_entries = stats.max_entries;
    memcpy(f.name, job->session->agent->table_names[t], sizeof(f.name));
    /* The last table has nowhere to go to. */
    for (uint16_t miss = 0; miss < 2; miss++)
        p[n++] = ids((uint16_t)(OFPTFPT_INSTRUCTIONS + miss), l->instruction + instructions,
                     INSTRUCTIONS - instructions);
    for (uint16_t miss = 0; miss < 2; miss++)
        p[n++] = (struct beba_of_table_property){
            .type = (uint16_t)(OFPTFPT_NEXT_TABLES + miss), .n = next, .table = l->next + t + 1};
    for (unsigned i = 0; i < 4; i++)
        p[n++] = ids(action_types[i], l->action, ACTIONS);
    p[n++] = ids(OFPTFPT_MATCH, l->match, FIELDS);
    p[n++] = ids(OFPTFPT_WILDCARDS, l->wildcard, FIELDS);
    for (unsigned i = 0; i < 4; i++)
        p[n++] = ids(set_types[i], l->settable, l->n_settable);
    f.n_properties = n;
    beba_of_reply_add(&job->reply, &f);
}

bool beba_session_step_features(struct beba_job *job)
{
    struct lists l;

    fill(&l);
    for (; job->index < BEBA_DP_TABLES; job->index++) {
        if (beba_session_job_full(job))
            return false;
        add_table(job, &l, job->index);
    }
    return true;
}

/* --- setting -------------------------------------------------------------------------------- */

static bool contains(const struct beba_of_id *list, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++) {
        /* Fields are the same with and without a mask. */
        if (list[i].id == id || (id > 0xffff && list[i].id >> 9 == id >> 9))
            return true;
    }
    return false;
}

/* What is asked for is there. */
static bool covered(const struct lists *l, const struct beba_of_table_property *p, unsigned table)
{
    const struct beba_of_id *list;
    uint32_t n;

    switch (p->type) {
    case OFPTFPT_NEXT_TABLES:
    case OFPTFPT_NEXT_TABLES_MISS:
        for (uint32_t i = 0; i < p->n; i++) {
            if (p->table[i] <= table || p->table[i] >= BEBA_DP_TABLES)
                return false;
        }
        return true;
    case OFPTFPT_EXPERIMENTER:
    case OFPTFPT_EXPERIMENTER_MISS:
        return false;
    case OFPTFPT_INSTRUCTIONS:
    case OFPTFPT_INSTRUCTIONS_MISS:
        list = l->instruction;
        n = INSTRUCTIONS;
        break;
    case OFPTFPT_MATCH:
    case OFPTFPT_WILDCARDS:
        list = l->wildcard;
        n = FIELDS;
        break;
    case OFPTFPT_WRITE_ACTIONS:
    case OFPTFPT_WRITE_ACTIONS_MISS:
    case OFPTFPT_APPLY_ACTIONS:
    case OFPTFPT_APPLY_ACTIONS_MISS:
        list = l->action;
        n = ACTIONS;
        break;
    default:
        list = l->settable;
        n = l->n_settable;
        break;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->id[i].experimenter || !contains(list, n, p->id[i].id))
            return false;
    }
    return true;
}

static int check_table(const struct lists *l, const struct beba_of_table_features *f,
                       struct beba_of_error *err)
{
    if (f->table >= BEBA_DP_TABLES)
        return beba_of_error_set(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TABLE,
                                 "there is no table %u", f->table);
    for (uint32_t i = 0; i < f->n_properties; i++) {
        if (!covered(l, &f->property[i], f->table))
            return beba_of_error_set(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT,
                                     "table %u cannot do all of property %u", f->table,
                                     f->property[i].type);
    }
    return 0;
}

int beba_session_set_features(struct beba_session *s, const struct beba_of_request *r,
                              struct beba_of_error *err)
{
    uint32_t seen[8] = {0};
    struct lists l;

    if (!r->features.n)
        return 0;
    if (beba_session_main(s)->role == OFPCR_ROLE_SLAVE)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE,
                                 "a slave may not set table features");
    fill(&l);
    for (uint32_t i = 0; i < r->features.n; i++) {
        const struct beba_of_table_features *f = &r->features.table[i];
        int bad = check_table(&l, f, err);

        if (bad)
            return bad;
        if (seen[f->table / 32] >> f->table % 32 & 1)
            return beba_of_error_set(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_TABLE,
                                     "table %u is there twice", f->table);
        seen[f->table / 32] |= 1u << f->table % 32;
    }
    for (uint32_t i = 0; i < r->features.n; i++)
        memcpy(s->agent->table_names[r->features.table[i].table], r->features.table[i].name,
               sizeof(*s->agent->table_names));
    return 0;
}
