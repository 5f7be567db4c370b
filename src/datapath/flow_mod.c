/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Flow-mods [6.4, 7.3.4.1]. */
#include "datapath/dp.h"

#include <errno.h>
#include <stdlib.h>

static int refuse(struct beba_of_error *err, uint16_t code, const char *what)
{
    return beba_of_error_set(err, OFPET_FLOW_MOD_FAILED, code, "%s", what);
}

static int no_memory(struct beba_of_error *err)
{
    return refuse(err, OFPFMFC_TABLE_FULL, "out of memory");
}

bool beba_actions_lead_to(const struct beba_of_actions *actions, uint32_t port, uint32_t group)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        const struct beba_of_action *a = &actions->action[i];
        if (a->type == OFPAT_OUTPUT && a->output.port == port)
            return true;
        if (a->type == OFPAT_GROUP && a->group == group)
            return true;
    }
    return false;
}

bool beba_entry_leads_to(const struct beba_entry *e, uint32_t port, uint32_t group)
{
    const struct beba_of_instructions *in = &e->rule->instructions;

    return (in->present & BEBA_OF_APPLY && beba_actions_lead_to(&in->apply, port, group)) ||
           (in->present & BEBA_OF_WRITE && beba_actions_lead_to(&in->write, port, group)) ||
           (in->present & BEBA_OF_PKT_GEN && beba_actions_lead_to(&in->generate, port, group));
}

/* --- add ---------------------------------------------------------------------------------------
 */

static int overlaps(void *arg, struct beba_entry *e)
{
    return e->priority == *(const uint16_t *)arg;
}

static int add_entry(struct beba_datapath *dp, const struct beba_of_flow_mod *mod,
                     struct beba_entry *old, uint64_t now)
{
    struct beba_entry_says says = {
        .table = mod->table,
        .priority = mod->priority,
        .idle = mod->idle_timeout,
        .hard = mod->hard_timeout,
        .flags = mod->flags,
        .cookie = mod->cookie,
        .created = now,
        .installed = now,
        .rule = beba_rule_copy(&mod->match, &mod->instructions),
        .tally = old && !(mod->flags & OFPFF_RESET_COUNTS) ? old->tally : NULL,
    };

    if (!says.rule || (old && beba_entry_remove(dp, old, BEBA_SILENT, now))) {
        free(says.rule);
        return -ENOMEM;
    }
    return beba_entry_add(dp, &says);
}

static int add(struct beba_datapath *dp, const struct beba_of_flow_mod *mod, uint64_t now,
               struct beba_of_error *err)
{
    struct beba_table *t = beba_table_make(dp, mod->table);
    struct beba_key value, mask;
    struct beba_entry *old;
    uint16_t priority = mod->priority;

    if (!t)
        return no_memory(err);
    beba_key_match(&mod->match, &value, &mask);
    if (mod->flags & OFPFF_CHECK_OVERLAP &&
        beba_classifier_each(&t->classifier, &value, &mask, true, overlaps, &priority))
        return refuse(err, OFPFMFC_OVERLAP, "an entry of that priority overlaps");
    old = beba_classifier_find(&t->classifier, &value, &mask, priority);
    if (!old &&
        t->entries.n >= (dp->limits ? dp->limits[mod->table].max_entries : dp->opts.max_entries))
        return refuse(err, OFPFMFC_TABLE_FULL, "the table is full");
    return add_entry(dp, mod, old, now) ? no_memory(err) : 0;
}

/* --- modify and delete -------------------------------------------------------------------------
 */

struct search {
    struct beba_datapath *dp;
    const struct beba_of_flow_mod *mod;
};

static bool is_delete(const struct beba_of_flow_mod *mod)
{
    return mod->command == OFPFC_DELETE || mod->command == OFPFC_DELETE_STRICT;
}

/* Takes down an entry that cookie, ports and groups allow. */
static int found(void *arg, struct beba_entry *e)
{
    struct search *s = arg;
    const struct beba_of_flow_mod *mod = s->mod;

    if ((e->cookie ^ mod->cookie) & mod->cookie_mask)
        return 0;
    if (is_delete(mod)) {
        if (mod->out_port != OFPP_ANY && !beba_entry_leads_to(e, mod->out_port, OFPG_ANY))
            return 0;
        if (mod->out_group != OFPG_ANY && !beba_entry_leads_to(e, OFPP_ANY, mod->out_group))
            return 0;
    }
    return beba_list_add(&s->dp->found, e);
}

static int find_in(struct search *s, const struct beba_table *t, const struct beba_key *value,
                   const struct beba_key *mask)
{
    uint8_t command = s->mod->command;
    struct beba_entry *e;

    if (!t)
        return 0;
    if (command != OFPFC_MODIFY_STRICT && command != OFPFC_DELETE_STRICT)
        return beba_classifier_each(&t->classifier, value, mask, false, found, s);
    e = beba_classifier_find(&t->classifier, value, mask, s->mod->priority);
    return e ? found(s, e) : 0;
}

static int find(struct beba_datapath *dp, const struct beba_of_flow_mod *mod)
{
    struct search s = {dp, mod};
    struct beba_key value, mask;
    int r = 0;

    dp->found.n = 0;
    beba_key_match(&mod->match, &value, &mask);
    if (mod->table != OFPTT_ALL)
        return find_in(&s, beba_datapath_table(dp, mod->table), &value, &mask);
    for (unsigned i = 0; i < BEBA_DP_TABLES && !r; i++)
        r = find_in(&s, beba_datapath_table(dp, (uint8_t)i), &value, &mask);
    return r;
}

/* Instructions change; counters, cookie, timeouts and flags do not. */
static int modify_entry(struct beba_datapath *dp, struct beba_entry *e,
                        const struct beba_of_flow_mod *mod, uint64_t now)
{
    struct beba_entry_says says = {
        .table = e->table,
        .priority = e->priority,
        .idle = e->idle,
        .hard = e->hard,
        .flags = e->flags,
        .cookie = e->cookie,
        .created = e->created,
        .installed = e->installed,
        .order = e->order,
        .rule = beba_rule_copy(&e->rule->match, &mod->instructions),
        .tally = mod->flags & OFPFF_RESET_COUNTS ? NULL : e->tally,
    };

    if (!says.rule || beba_entry_remove(dp, e, BEBA_SILENT, now)) {
        free(says.rule);
        return -ENOMEM;
    }
    return beba_entry_add(dp, &says);
}

static int change_found(struct beba_datapath *dp, const struct beba_of_flow_mod *mod, uint64_t now)
{
    int r = 0;

    for (size_t i = 0; i < dp->found.n && !r; i++) {
        struct beba_entry *e = dp->found.item[i];
        r = is_delete(mod) ? beba_entry_remove(dp, e, OFPRR_DELETE, now)
                           : modify_entry(dp, e, mod, now);
    }
    return r;
}

/* --- all of them -------------------------------------------------------------------------------
 */

enum {
    KNOWN_FLAGS = OFPFF_SEND_FLOW_REM | OFPFF_CHECK_OVERLAP | OFPFF_RESET_COUNTS |
                  OFPFF_NO_PKT_COUNTS | OFPFF_NO_BYT_COUNTS
};

static int check(struct beba_datapath *dp, const struct beba_of_flow_mod *mod,
                 struct beba_of_error *err)
{
    int r;

    if (mod->command > OFPFC_DELETE_STRICT)
        return refuse(err, OFPFMFC_BAD_COMMAND, "no such command");
    if (mod->table >= BEBA_DP_TABLES && !(mod->table == OFPTT_ALL && is_delete(mod)))
        return refuse(err, OFPFMFC_BAD_TABLE_ID, "no such table");
    if (mod->flags & ~KNOWN_FLAGS)
        return refuse(err, OFPFMFC_BAD_FLAGS, "no such flag");
    if (is_delete(mod))
        return 0;
    r = beba_check_instructions(dp, mod->table, &mod->instructions, err);
    return r ? r : beba_limits_check(dp, mod, err);
}

int beba_datapath_flow_mod(struct beba_datapath *dp, const struct beba_of_flow_mod *mod,
                           uint64_t now, struct beba_of_error *err)
{
    size_t n = dp->n_changes;
    int r = check(dp, mod, err);

    if (!r && beba_datapath_program_name(dp, mod->table))
        r = refuse(err, OFPFMFC_EPERM, "the table runs a program");
    if (r)
        return r;
    if (mod->command == OFPFC_ADD)
        r = add(dp, mod, now, err);
    else if (find(dp, mod) || change_found(dp, mod, now))
        r = no_memory(err);
    return beba_datapath_end(dp, n, r);
}

/* --- with groups and meters that go ----------------------------------------------------------- */

static int remove_found(struct beba_datapath *dp, uint8_t reason, uint64_t now)
{
    for (size_t i = 0; i < dp->found.n; i++)
        if (beba_entry_remove(dp, dp->found.item[i], reason, now))
            return -ENOMEM;
    return 0;
}

/* Looks through all entries, as groups and meters that are in use are seldom removed. */
static int find_all(struct beba_datapath *dp, bool (*is)(const struct beba_entry *e, uint32_t id),
                    uint32_t id)
{
    dp->found.n = 0;
    for (unsigned i = 0; i < BEBA_DP_TABLES; i++) {
        const struct beba_table *t = beba_datapath_table(dp, (uint8_t)i);
        for (size_t n = 0; t && n < t->entries.n; n++)
            if (is(t->entries.item[n], id) && beba_list_add(&dp->found, t->entries.item[n]))
                return -ENOMEM;
    }
    return 0;
}

static bool uses_group(const struct beba_entry *e, uint32_t group)
{
    return beba_entry_leads_to(e, OFPP_ANY, group);
}

static bool uses_meter(const struct beba_entry *e, uint32_t meter)
{
    const struct beba_of_instructions *in = &e->rule->instructions;

    return in->present & BEBA_OF_METER && in->meter == meter;
}

int beba_flows_remove_group(struct beba_datapath *dp, uint32_t group, uint64_t now)
{
    return find_all(dp, uses_group, group) || remove_found(dp, OFPRR_GROUP_DELETE, now) ? -ENOMEM
                                                                                        : 0;
}

int beba_flows_remove_meter(struct beba_datapath *dp, uint32_t meter, uint64_t now)
{
    return find_all(dp, uses_meter, meter) || remove_found(dp, OFPRR_DELETE, now) ? -ENOMEM : 0;
}
