/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Group-mods [6.5, 7.3.4.2]. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/dp.h"
#include "datapath/group.h"

enum { MAX_BUCKETS = 1024 };

static int refuse(struct beba_of_error *err, uint16_t code, const char *what, uint32_t group)
{
    return beba_of_error_set(err, OFPET_GROUP_MOD_FAILED, code, "group %u: %s", group, what);
}

struct beba_object *beba_datapath_find_group(const struct beba_datapath *dp, uint32_t group)
{
    return beba_object_find(&dp->groups, group);
}

static struct beba_group *current(const struct beba_datapath *dp, uint32_t group)
{
    return (struct beba_group *)beba_object_current(beba_datapath_find_group(dp, group));
}

void beba_datapath_refer(struct beba_datapath *dp, const struct beba_of_actions *actions, int by)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        struct beba_object *o = NULL;
        if (actions->action[i].type == OFPAT_GROUP)
            o = beba_datapath_find_group(dp, actions->action[i].group);
        if (o)
            o->refs += (uint32_t)by;
    }
}

static void refer_buckets(struct beba_datapath *dp, const struct beba_body *body, int by)
{
    const struct beba_group *g = (const struct beba_group *)body;

    for (uint32_t i = 0; i < g->n_buckets; i++)
        beba_datapath_refer(dp, &g->bucket[i].actions, by);
}

static void free_group(struct beba_body *body)
{
    struct beba_group *g = (struct beba_group *)body;

    free(g->bucket);
    free(g->edits);
    free(g->tally);
    free(g);
}

void beba_groups_init(struct beba_datapath *dp)
{
    dp->groups.free_body = free_group;
    dp->groups.refer = refer_buckets;
}

static bool edits(const struct beba_of_actions *actions)
{
    for (uint32_t i = 0; i < actions->n; i++)
        if (actions->action[i].type != OFPAT_OUTPUT && actions->action[i].type != OFPAT_GROUP)
            return true;
    return false;
}

static struct beba_group *make(const struct beba_datapath *dp, const struct beba_of_group_mod *mod)
{
    struct beba_group *g = calloc(1, sizeof(*g));
    size_t n = mod->n_buckets ? mod->n_buckets : 1;
    size_t size = dp->opts.n_workers * n * sizeof(*g->tally);

    if (!g)
        return NULL;
    g->type = mod->type;
    g->n_buckets = mod->n_buckets;
    g->bucket = beba_buckets_copy(mod->bucket, mod->n_buckets);
    g->edits = calloc(n, sizeof(*g->edits));
    g->tally = aligned_alloc(BEBA_CACHE_LINE, size);
    if (!g->bucket || !g->edits || !g->tally) {
        free_group(&g->body);
        return NULL;
    }
    memset(g->tally, 0, size);
    for (uint32_t i = 0; i < g->n_buckets; i++) {
        g->edits[i] = edits(&g->bucket[i].actions);
        g->weight += g->bucket[i].weight;
    }
    return g;
}

/* --- checks ------------------------------------------------------------------------------------
 */

static bool leads_to(const struct beba_datapath *dp, const struct beba_of_bucket *bucket,
                     uint32_t n, uint32_t group, unsigned depth);

static bool group_leads_to(const struct beba_datapath *dp, uint32_t from, uint32_t group,
                           unsigned depth)
{
    const struct beba_group *g = current(dp, from);

    return from == group || (g && leads_to(dp, g->bucket, g->n_buckets, group, depth + 1));
}

/* That groups lead to groups has been checked for all that are there, so it ends. */
static bool leads_to(const struct beba_datapath *dp, const struct beba_of_bucket *bucket,
                     uint32_t n, uint32_t group, unsigned depth)
{
    if (depth > BEBA_DP_GROUP_DEPTH)
        return true;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < bucket[i].actions.n; k++)
            if (bucket[i].actions.action[k].type == OFPAT_GROUP &&
                group_leads_to(dp, bucket[i].actions.action[k].group, group, depth))
                return true;
    return false;
}

static bool port_can_be(uint32_t port)
{
    return port == OFPP_ANY || port == OFPP_LOCAL || (port && port < OFPP_MAX);
}

static int check_bucket(struct beba_datapath *dp, const struct beba_of_group_mod *mod,
                        const struct beba_of_bucket *b, struct beba_of_error *err)
{
    if (!port_can_be(b->watch_port) ||
        (b->watch_group != OFPG_ANY && b->watch_group != mod->group &&
         !current(dp, b->watch_group)))
        return refuse(err, OFPGMFC_BAD_WATCH, "watches what is not there", mod->group);
    if (b->watch_group == mod->group)
        return refuse(err, OFPGMFC_LOOP, "watches itself", mod->group);
    for (uint32_t i = 0; i < b->actions.n; i++)
        if (b->actions.action[i].type == OFPAT_GROUP && b->actions.action[i].group == mod->group)
            return refuse(err, OFPGMFC_LOOP, "leads to itself", mod->group);
    return beba_check_set(dp, &b->actions, BEBA_CHECK_BUCKET, err);
}

static int check(struct beba_datapath *dp, const struct beba_of_group_mod *mod,
                 struct beba_of_error *err)
{
    if (mod->group > OFPG_MAX)
        return refuse(err, OFPGMFC_INVALID_GROUP, "no number for a group", mod->group);
    if (mod->type > OFPGT_FF)
        return refuse(err, OFPGMFC_BAD_TYPE, "no such type", mod->group);
    if (mod->type == OFPGT_INDIRECT && mod->n_buckets != 1)
        return refuse(err, OFPGMFC_INVALID_GROUP, "an indirect group has one bucket", mod->group);
    if (mod->n_buckets > MAX_BUCKETS)
        return refuse(err, OFPGMFC_OUT_OF_BUCKETS, "too many buckets", mod->group);
    for (uint32_t i = 0; i < mod->n_buckets; i++) {
        int r = check_bucket(dp, mod, &mod->bucket[i], err);
        if (r)
            return r;
    }
    if (leads_to(dp, mod->bucket, mod->n_buckets, mod->group, 0))
        return refuse(err, OFPGMFC_LOOP, "groups lead back to it, or through too many", mod->group);
    return 0;
}

/* --- mods --------------------------------------------------------------------------------------
 */

static int set(struct beba_datapath *dp, const struct beba_of_group_mod *mod, uint64_t now,
               struct beba_of_error *err)
{
    bool there = current(dp, mod->group);
    struct beba_group *g;
    int r;

    if (mod->command == OFPGC_ADD && there)
        return refuse(err, OFPGMFC_GROUP_EXISTS, "is there already", mod->group);
    if (mod->command == OFPGC_MODIFY && !there)
        return refuse(err, OFPGMFC_UNKNOWN_GROUP, "is not there", mod->group);
    r = check(dp, mod, err);
    if (r)
        return r;
    if (!there && dp->groups.n >= dp->opts.max_groups)
        return refuse(err, OFPGMFC_OUT_OF_GROUPS, "there are too many groups", mod->group);
    g = make(dp, mod);
    if (!g || beba_object_set(dp, &dp->groups, mod->group, &g->body, now))
        return refuse(err, OFPGMFC_OUT_OF_GROUPS, "out of memory", mod->group);
    return 0;
}

static bool is_chained(const struct beba_datapath *dp, uint32_t group)
{
    uint64_t cursor = 0;
    const struct beba_object *o;

    while ((o = beba_object_next(&dp->groups, &cursor))) {
        const struct beba_group *g = (const struct beba_group *)beba_object_current(o);
        for (uint32_t i = 0; i < g->n_buckets; i++)
            if (beba_actions_lead_to(&g->bucket[i].actions, OFPP_ANY, group))
                return true;
    }
    return false;
}

static int delete_one(struct beba_datapath *dp, uint32_t group, uint64_t now)
{
    if (beba_datapath_find_group(dp, group)->refs && beba_flows_remove_group(dp, group, now))
        return -ENOMEM;
    return beba_object_set(dp, &dp->groups, group, NULL, now);
}

static int remove_them(struct beba_datapath *dp, const struct beba_of_group_mod *mod, uint64_t now,
                       struct beba_of_error *err)
{
    uint64_t cursor = 0;
    struct beba_object *o;
    int r = 0;

    if (mod->group == OFPG_ALL) {
        while (!r && (o = beba_object_next(&dp->groups, &cursor)))
            r = delete_one(dp, o->id, now);
    } else if (mod->group > OFPG_MAX) {
        return refuse(err, OFPGMFC_INVALID_GROUP, "no number for a group", mod->group);
    } else if (current(dp, mod->group)) {
        if (is_chained(dp, mod->group))
            return refuse(err, OFPGMFC_CHAINED_GROUP, "another group leads to it", mod->group);
        r = delete_one(dp, mod->group, now);
    }
    return r ? refuse(err, OFPGMFC_OUT_OF_GROUPS, "out of memory", mod->group) : 0;
}

int beba_datapath_group_mod(struct beba_datapath *dp, const struct beba_of_group_mod *mod,
                            uint64_t now, struct beba_of_error *err)
{
    size_t n = dp->n_changes;
    int r;

    if (mod->command > OFPGC_DELETE)
        return refuse(err, OFPGMFC_BAD_COMMAND, "no such command", mod->group);
    r = mod->command == OFPGC_DELETE ? remove_them(dp, mod, now, err) : set(dp, mod, now, err);
    return beba_datapath_end(dp, n, r);
}
