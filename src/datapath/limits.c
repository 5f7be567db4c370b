/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Table features that were set [7.3.5.5.2]: what each table accepts. The extension's fields,
 * actions and instructions are beside them, as no property of the specification names them. */
#include "datapath/dp.h"
#include "openflow/fields.h"
#include "openflow/multipart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = OFPXMT_OFB_IPV6_EXTHDR + 1 };

static void full(const struct beba_datapath *dp, unsigned table, struct beba_datapath_limits *l)
{
    struct beba_datapath_ability *a = &l->hit;

    memset(l, 0, sizeof(*l));
    l->max_entries = dp->opts.max_entries;
    l->metadata_match = l->metadata_write = ~0ull;
    l->match = l->wildcard = (1ull << FIELDS) - 1;
    for (unsigned f = 0; f < FIELDS; f++) {
        l->masked |= (uint64_t)beba_of_fields[f].maskable << f;
        a->write_set |= (uint64_t)beba_of_fields[f].settable << f;
    }
    a->apply_set = a->write_set;
    for (unsigned i = OFPIT_GOTO_TABLE; i <= OFPIT_METER; i++)
        if (i != OFPIT_GOTO_TABLE || table + 1 < BEBA_DP_TABLES)
            a->instructions |= 1ull << i;
    a->write = 1ull << OFPAT_OUTPUT;
    for (unsigned i = OFPAT_COPY_TTL_OUT; i <= OFPAT_POP_PBB; i++)
        if (i != 13 && i != 14)
            a->write |= 1ull << i;
    a->apply = a->write;
    for (unsigned t = table + 1; t < BEBA_DP_TABLES; t++)
        a->next[t / 64] |= 1ull << t % 64;
    l->miss = l->hit;
}

void beba_datapath_limits(const struct beba_datapath *dp, uint8_t table,
                          struct beba_datapath_limits *out)
{
    if (dp->limits)
        *out = dp->limits[table];
    else
        full(dp, table, out);
}

/* --- what is asked for --------------------------------------------------------------------------
 */

static int refuse(struct beba_of_error *err, uint16_t code, const char *what, unsigned table)
{
    return beba_of_error_set(err, OFPET_TABLE_FEATURES_FAILED, code, "table %u: %s", table, what);
}

/* Ids as bits; false: one that is not among those that there are. */
static bool bits_of(const struct beba_of_table_property *p, bool fields, uint64_t all,
                    uint64_t *out, uint64_t *masked)
{
    *out = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t id = fields ? (uint32_t)beba_of_field_of_header(p->id[i].id) : p->id[i].id;

        if (p->id[i].experimenter) {
            if (p->id[i].experimenter != BEBA_EXPERIMENTER)
                return false;
            continue;
        }
        if (id > 63 || !(all >> id & 1))
            return false;
        *out |= 1ull << id;
        if (fields && masked && p->id[i].id >> 8 & 1)
            *masked |= 1ull << id;
    }
    return true;
}

static bool tables_of(const struct beba_of_table_property *p, uint64_t next[4])
{
    uint64_t out[4] = {0};

    for (uint32_t i = 0; i < p->n; i++) {
        unsigned t = p->table[i];

        if (!(next[t / 64] >> t % 64 & 1))
            return false;
        out[t / 64] |= 1ull << t % 64;
    }
    memcpy(next, out, sizeof(out));
    return true;
}

static bool narrow_types(const struct beba_of_table_property *p, uint64_t *bits)
{
    return bits_of(p, false, *bits, bits, NULL);
}

static bool narrow_fields(const struct beba_of_table_property *p, uint64_t *bits, uint64_t *masked)
{
    uint64_t asked, with_mask = 0;

    if (!bits_of(p, true, *bits, &asked, &with_mask) || (masked && with_mask & ~*masked))
        return false;
    *bits = asked;
    if (masked)
        *masked = with_mask;
    return true;
}

/* One property; a miss property that is absent is what the other one says. */
static bool narrow(struct beba_datapath_limits *l, const struct beba_of_table_property *p)
{
    struct beba_datapath_ability *a = p->type & 1 ? &l->miss : &l->hit;

    switch (p->type) {
    case OFPTFPT_INSTRUCTIONS:
    case OFPTFPT_INSTRUCTIONS_MISS:
        return narrow_types(p, &a->instructions);
    case OFPTFPT_NEXT_TABLES:
    case OFPTFPT_NEXT_TABLES_MISS:
        return tables_of(p, a->next);
    case OFPTFPT_WRITE_ACTIONS:
    case OFPTFPT_WRITE_ACTIONS_MISS:
        return narrow_types(p, &a->write);
    case OFPTFPT_APPLY_ACTIONS:
    case OFPTFPT_APPLY_ACTIONS_MISS:
        return narrow_types(p, &a->apply);
    case OFPTFPT_MATCH:
        return narrow_fields(p, &l->match, &l->masked);
    case OFPTFPT_WILDCARDS:
        return narrow_fields(p, &l->wildcard, NULL);
    case OFPTFPT_WRITE_SETFIELD:
    case OFPTFPT_WRITE_SETFIELD_MISS:
        return narrow_fields(p, &a->write_set, NULL);
    case OFPTFPT_APPLY_SETFIELD:
    case OFPTFPT_APPLY_SETFIELD_MISS:
        return narrow_fields(p, &a->apply_set, NULL);
    default:
        return false;
    }
}

static int read_limits(const struct beba_datapath *dp, const struct beba_of_table_features *f,
                       struct beba_datapath_limits *out, struct beba_of_error *err)
{
    if (f->config & ~3u)
        return refuse(err, OFPTFFC_BAD_ARGUMENT, "config has bits that are none", f->table);
    full(dp, f->table, out);
    if (f->max_entries > out->max_entries)
        return refuse(err, OFPTFFC_BAD_ARGUMENT, "it does not hold so many entries", f->table);
    if (f->max_entries)
        out->max_entries = f->max_entries;
    out->metadata_match = f->metadata_match;
    out->metadata_write = f->metadata_write;
    for (int miss = 0; miss < 2; miss++) {
        for (uint32_t i = 0; i < f->n_properties; i++) {
            if ((f->property[i].type & 1) == miss && !narrow(out, &f->property[i]))
                return beba_of_error_set(err, OFPET_TABLE_FEATURES_FAILED, OFPTFFC_BAD_ARGUMENT,
                                         "table %u cannot do all of property %u", f->table,
                                         f->property[i].type);
        }
        if (!miss)
            out->miss = out->hit;
    }
    out->wildcard &= out->match;
    return 0;
}

/* --- setting -----------------------------------------------------------------------------------
 */

static int empty(struct beba_datapath *dp, unsigned table, uint64_t now)
{
    const struct beba_table *t = beba_datapath_table(dp, (uint8_t)table);

    dp->found.n = 0;
    for (size_t i = 0; t && i < t->entries.n; i++)
        if (beba_list_add(&dp->found, t->entries.item[i]))
            return -ENOMEM;
    for (size_t i = 0; i < dp->found.n; i++)
        if (beba_entry_remove(dp, dp->found.item[i], BEBA_SILENT, now))
            return -ENOMEM;
    return 0;
}

static int read_all(struct beba_datapath *dp, const struct beba_of_table_features *set, uint32_t n,
                    struct beba_datapath_limits *out, struct beba_of_error *err)
{
    for (unsigned t = 0; t < BEBA_DP_TABLES; t++)
        out[t].gone = true;
    for (uint32_t i = 0; i < n; i++) {
        int r;

        if (set[i].table >= BEBA_DP_TABLES)
            return refuse(err, OFPTFFC_BAD_TABLE, "there is none", set[i].table);
        if (!out[set[i].table].gone)
            return refuse(err, OFPTFFC_BAD_TABLE, "it is there twice", set[i].table);
        r = read_limits(dp, &set[i], &out[set[i].table], err);
        if (r)
            return r;
    }
    return out[0].gone ? refuse(err, OFPTFFC_BAD_TABLE, "packets begin there", 0) : 0;
}

int beba_datapath_limit(struct beba_datapath *dp, const struct beba_of_table_features *set,
                        uint32_t n, uint64_t now, struct beba_of_error *err)
{
    struct beba_datapath_limits *more = calloc(BEBA_DP_TABLES, sizeof(*more)), had;
    size_t changes = dp->n_changes;
    int r =
        more ? read_all(dp, set, n, more, err) : refuse(err, OFPTFFC_EPERM, "not enough memory", 0);

    for (unsigned t = 0; t < BEBA_DP_TABLES && !r; t++) {
        beba_datapath_limits(dp, (uint8_t)t, &had);
        if (!memcmp(&had, &more[t], sizeof(had)))
            continue;
        if (beba_datapath_program_name(dp, (uint8_t)t))
            r = refuse(err, OFPTFFC_EPERM, "it runs a program", t);
        else if (empty(dp, t, now))
            r = refuse(err, OFPTFFC_EPERM, "not enough memory", t);
    }
    r = beba_datapath_end(dp, changes, r);
    if (r) {
        free(more);
        return r;
    }
    free(dp->limits);
    dp->limits = more;
    return 0;
}

/* --- entries ------------------------------------------------------------------------------------
 */

static int check_match(const struct beba_datapath_limits *l, const struct beba_of_flow_mod *mod,
                       struct beba_of_error *err)
{
    uint64_t seen = 0;

    for (uint32_t i = 0; i < mod->match.n; i++) {
        const struct beba_of_oxm *o = &mod->match.oxm[i];

        if (o->field >= FIELDS)
            continue;
        seen |= 1ull << o->field;
        if (!(l->match >> o->field & 1))
            return beba_of_error_set(err, OFPET_BAD_MATCH, OFPBMC_BAD_FIELD,
                                     "table %u matches no %s", mod->table,
                                     beba_of_fields[o->field].name);
        if (o->has_mask && !(l->masked >> o->field & 1))
            return beba_of_error_set(err, OFPET_BAD_MATCH, OFPBMC_BAD_MASK,
                                     "table %u matches %s without a mask", mod->table,
                                     beba_of_fields[o->field].name);
        if (o->field == OFPXMT_OFB_METADATA &&
            (o->has_mask ? o->mask.lo : ~0ull) & ~l->metadata_match)
            return beba_of_error_set(err, OFPET_BAD_MATCH, OFPBMC_BAD_MASK,
                                     "table %u matches some bits of metadata only", mod->table);
    }
    if (mod->match.n && l->match & ~l->wildcard & ~seen)
        return beba_of_error_set(err, OFPET_BAD_MATCH, OFPBMC_BAD_WILDCARDS,
                                 "table %u needs fields that the match leaves out", mod->table);
    return 0;
}

static int check_actions(uint64_t types, uint64_t fields, const struct beba_of_actions *actions,
                         uint8_t table, struct beba_of_error *err)
{
    for (uint32_t i = 0; i < actions->n; i++) {
        const struct beba_of_action *a = &actions->action[i];

        if (a->type == OFPAT_EXPERIMENTER)
            continue;
        if (a->type > 31 || !(types >> a->type & 1))
            return beba_of_error_set(err, OFPET_BAD_ACTION, OFPBAC_BAD_TYPE,
                                     "table %u has no action %u", table, a->type);
        if (a->type == OFPAT_SET_FIELD && a->set_field.field < FIELDS &&
            !(fields >> a->set_field.field & 1))
            return beba_of_error_set(err, OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE,
                                     "table %u sets no %s", table,
                                     beba_of_fields[a->set_field.field].name);
    }
    return 0;
}

static int check_instructions(const struct beba_datapath_ability *a,
                              const struct beba_datapath_limits *l,
                              const struct beba_of_flow_mod *mod, struct beba_of_error *err)
{
    static const struct {
        uint16_t present;
        uint8_t type;
    } kinds[] = {{BEBA_OF_GOTO, OFPIT_GOTO_TABLE},     {BEBA_OF_METADATA, OFPIT_WRITE_METADATA},
                 {BEBA_OF_WRITE, OFPIT_WRITE_ACTIONS}, {BEBA_OF_APPLY, OFPIT_APPLY_ACTIONS},
                 {BEBA_OF_CLEAR, OFPIT_CLEAR_ACTIONS}, {BEBA_OF_METER, OFPIT_METER}};
    const struct beba_of_instructions *in = &mod->instructions;
    int r = 0;

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (in->present & kinds[i].present && !(a->instructions >> kinds[i].type & 1))
            return beba_of_error_set(err, OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_INST,
                                     "table %u has no instruction %u", mod->table, kinds[i].type);
    if (in->present & BEBA_OF_GOTO && !(a->next[in->table / 64] >> in->table % 64 & 1))
        return beba_of_error_set(err, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID,
                                 "table %u does not lead to table %u", mod->table, in->table);
    if (in->present & BEBA_OF_METADATA && in->metadata_mask & ~l->metadata_write)
        return beba_of_error_set(err, OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_METADATA_MASK,
                                 "table %u does not write these bits of metadata", mod->table);
    if (in->present & BEBA_OF_APPLY)
        r = check_actions(a->apply, a->apply_set, &in->apply, mod->table, err);
    if (!r && in->present & BEBA_OF_WRITE)
        r = check_actions(a->write, a->write_set, &in->write, mod->table, err);
    return r;
}

int beba_limits_check(const struct beba_datapath *dp, const struct beba_of_flow_mod *mod,
                      struct beba_of_error *err)
{
    const struct beba_datapath_limits *l;
    int r;

    if (!dp->limits)
        return 0;
    l = &dp->limits[mod->table];
    if (l->gone)
        return beba_of_error_set(err, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID,
                                 "table %u was taken away by table features", mod->table);
    if (mod->instructions.present & BEBA_OF_GOTO && dp->limits[mod->instructions.table].gone)
        return beba_of_error_set(err, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID,
                                 "table %u was taken away by table features",
                                 mod->instructions.table);
    r = check_match(l, mod, err);
    if (!r)
        r = check_instructions(mod->match.n || mod->priority ? &l->hit : &l->miss, l, mod, err);
    return r;
}
