/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Table features [7.3.5.5]: every table can do everything, until a controller sets what they are to
 * do. */
#include "openflow/fields.h"
#include "switch/session.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS = OFPXMT_OFB_IPV6_EXTHDR + 1, LIST = 64 };

struct writer {
    struct beba_of_table_property p[14];
    uint32_t n, used;
    struct beba_of_id id[10 * LIST];
    uint8_t next[2 * BEBA_DP_TABLES];
};

static void add_ids(struct writer *w, uint16_t type, uint64_t bits, bool fields, uint64_t masked)
{
    struct beba_of_table_property *p = &w->p[w->n++];

    *p = (struct beba_of_table_property){.type = type, .id = &w->id[w->used]};
    for (unsigned i = 0; i < LIST; i++)
        if (bits >> i & 1) {
            w->id[w->used++] = (struct beba_of_id){
                .id = fields ? beba_of_field_header((enum beba_of_field)i, masked >> i & 1) : i};
            p->n++;
        }
}

static void add_tables(struct writer *w, uint16_t type, const uint64_t bits[4], uint8_t *out)
{
    struct beba_of_table_property *p = &w->p[w->n++];

    *p = (struct beba_of_table_property){.type = type, .table = out};
    for (unsigned t = 0; t < BEBA_DP_TABLES; t++)
        if (bits[t / 64] >> t % 64 & 1)
            out[p->n++] = (uint8_t)t;
}

static void add_table(struct beba_job *job, struct writer *w, unsigned t)
{
    struct beba_datapath_limits l;
    struct beba_of_table_features f = {.table = (uint8_t)t, .property = w->p};

    beba_datapath_limits(job->session->agent->o.dp, (uint8_t)t, &l);
    if (l.gone)
        return;
    f.metadata_match = l.metadata_match;
    f.metadata_write = l.metadata_write;
    f.max_entries = l.max_entries;
    memcpy(f.name, job->session->agent->table_names[t], sizeof(f.name));
    w->n = w->used = 0;
    for (uint16_t miss = 0; miss < 2; miss++) {
        const struct beba_datapath_ability *a = miss ? &l.miss : &l.hit;

        add_ids(w, OFPTFPT_INSTRUCTIONS + miss, a->instructions, false, 0);
        add_tables(w, OFPTFPT_NEXT_TABLES + miss, a->next, w->next + miss * BEBA_DP_TABLES);
        add_ids(w, OFPTFPT_WRITE_ACTIONS + miss, a->write, false, 0);
        add_ids(w, OFPTFPT_APPLY_ACTIONS + miss, a->apply, false, 0);
        add_ids(w, OFPTFPT_WRITE_SETFIELD + miss, a->write_set, true, 0);
        add_ids(w, OFPTFPT_APPLY_SETFIELD + miss, a->apply_set, true, 0);
    }
    add_ids(w, OFPTFPT_MATCH, l.match, true, l.masked);
    add_ids(w, OFPTFPT_WILDCARDS, l.wildcard, true, 0);
    f.n_properties = w->n;
    beba_of_reply_add(&job->reply, &f);
}

bool beba_session_step_features(struct beba_job *job)
{
    struct writer w;

    for (; job->index < BEBA_DP_TABLES; job->index++) {
        if (beba_session_job_full(job))
            return false;
        add_table(job, &w, job->index);
    }
    return true;
}

/* --- setting: in several messages, as one [7.3.5] --------------------------------------------- */

enum { MOST = 1 << 20 }; /* bytes of a request, in all its parts */

struct beba_part {
    struct beba_part *next;
    struct beba_arena arena;
    struct beba_of_msg msg;
    uint32_t len;
    uint8_t bytes[];
};

void beba_parts_free(struct beba_parts *parts)
{
    struct beba_part *next;

    for (struct beba_part *p = parts->first; p; p = next) {
        next = p->next;
        beba_arena_free(&p->arena);
        free(p);
    }
    *parts = (struct beba_parts){0};
}

static int overflow(struct beba_of_error *err)
{
    return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_MULTIPART_BUFFER_OVERFLOW,
                             "the parts of the request are more than are kept");
}

static int keep_part(struct beba_parts *parts, const struct beba_of_codec *codec,
                     const struct beba_of_msg *m, const uint8_t *bytes, uint32_t len,
                     struct beba_of_error *err)
{
    struct beba_of_codec plain = *codec;
    struct beba_part *p, **at = &parts->first;
    int r;

    if (parts->bytes + len > MOST || !(p = malloc(sizeof(*p) + len))) {
        beba_parts_free(parts);
        return overflow(err);
    }
    p->next = NULL;
    p->arena = (struct beba_arena){0};
    p->msg = (struct beba_of_msg){0};
    p->len = len;
    memcpy(p->bytes, bytes, len);
    while (*at)
        at = &(*at)->next;
    *at = p;
    parts->xid = m->xid;
    parts->bytes += len;
    r = beba_of_decode(p->bytes, len, &plain, &p->arena, &p->msg, err);
    if (r)
        beba_parts_free(parts);
    return r;
}

/* All of them as one list of tables. */
static int set_all(struct beba_agent *a, struct beba_parts *parts, struct beba_of_error *err)
{
    struct beba_of_table_features *all;
    uint32_t n = 0;
    int r;

    for (const struct beba_part *p = parts->first; p; p = p->next)
        n += p->msg.request.features.n;
    if (!n)
        return 0;
    all = malloc(n * sizeof(*all));
    if (!all)
        return overflow(err);
    n = 0;
    for (const struct beba_part *p = parts->first; p; p = p->next) {
        if (p->msg.request.features.n)
            memcpy(all + n, p->msg.request.features.table,
                   p->msg.request.features.n * sizeof(*all));
        n += p->msg.request.features.n;
    }
    r = beba_datapath_limit(a->o.dp, all, n, beba_agent_now(), err);
    for (uint32_t i = 0; i < n && !r; i++)
        memcpy(a->table_names[all[i].table], all[i].name, sizeof(*a->table_names));
    free(all);
    for (const struct beba_part *p = parts->first; p && !r; p = p->next)
        a->o.changed(a->o.arg, &p->msg, p->bytes, p->len);
    return r;
}

int beba_agent_features(struct beba_agent *a, struct beba_parts *parts,
                        const struct beba_of_codec *codec, const struct beba_of_msg *m,
                        const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    bool more = m->request.flags & OFPMPF_REQ_MORE;
    int r;

    if (parts->first && parts->xid != m->xid) {
        if (more)
            return overflow(err); /* one at a time */
        if (!m->request.features.n)
            return 0;
        beba_parts_free(parts);
    }
    r = keep_part(parts, codec, m, bytes, len, err);
    if (r || more)
        return r;
    r = set_all(a, parts, err);
    beba_parts_free(parts);
    return r;
}

int beba_session_set_features(struct beba_session *s, const struct beba_of_msg *m,
                              const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    if (!m->request.features.n && !(m->request.flags & OFPMPF_REQ_MORE) && !s->parts.first)
        return 0;
    if (m->request.features.n && beba_session_main(s)->role == OFPCR_ROLE_SLAVE)
        return beba_of_error_set(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE,
                                 "a slave may not set table features");
    return beba_agent_features(s->agent, &s->parts, &s->codec, m, bytes, len, err);
}
