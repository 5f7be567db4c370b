/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs that are too much for the verifier at once: it takes 256 functions, 64 maps and goes
 * through a million instructions of a program. Their tables are dealt out in order to programs
 * beba_main, beba_main_1, .., each of which jumps to the next; the packet waits in this CPU's
 * scratch memory. beba_control jumps to the one that has the machine that it is asked for. */
#include "emit/write.h"

#include <errno.h>
#include <inttypes.h>

enum {
    FUNCTIONS_MAX = 220, /* of a program's own, about: it has some in common with all others */
    FUNCTIONS_KEYED = 10,
    FUNCTIONS_PEEK = 6,
    MAPS_MAX = 56,
    COST_MAX = 500000, /* instructions that the verifier goes through, about */
    COST_KEYED = 34000,
    COST_WEIGHT = 80,
    FINE_TABLES = 24, /* machines that get a program each where pieces are to be small */
    GROUPS_MAX = 32,  /* jumps of a packet that the kernel allows, but one for the gate */
};

struct share {
    uint32_t functions, maps, cost;
};

static struct share share_of(const struct emit *e, uint32_t i)
{
    const struct beba_table *t = &e->p->table[i];
    const struct table_facts *f = &e->facts[i];
    uint32_t peeks = f->peeks < e->p->n_tables ? f->peeks : e->p->n_tables, weight = 0;
    struct share s = {.functions = 1 + peeks * FUNCTIONS_PEEK, .maps = peeks};

    for (uint32_t r = 0; r < t->n_rules; r++)
        weight += beba_emit_rule_weight(&t->rule[r]);
    if (f->keyed) {
        s.functions += FUNCTIONS_KEYED;
        s.maps++;
        s.cost += COST_KEYED;
    }
    if (f->n_chunks)
        s.functions +=
            weight / beba_emit_chunk_weight(e) + t->n_rules / beba_emit_chunk_rules(e) + 1;
    s.cost += weight * COST_WEIGHT;
    return s;
}

int beba_emit_groups(struct emit *e, struct beba_error *err)
{
    bool apart = e->opts->fine && e->p->n_tables <= FINE_TABLES;
    struct share common = {0}, sum;

    for (uint32_t i = 0; i < e->p->n_sets; i++)
        common.maps += !e->layout.set[i];
    for (uint32_t i = 0; e->opts->fine && i < BEBA_N_FIELDS; i++)
        common.functions += e->reads[i];
    sum = common;
    for (uint32_t i = 0; i < e->p->n_tables; i++) {
        struct share s = share_of(e, i);

        if (i && (apart || sum.functions + s.functions > FUNCTIONS_MAX ||
                  sum.maps + s.maps > MAPS_MAX || sum.cost + s.cost > COST_MAX)) {
            e->n_groups++;
            sum = common;
        }
        sum.functions += s.functions;
        sum.maps += s.maps;
        sum.cost += s.cost;
        e->facts[i].group = e->n_groups;
    }
    e->n_groups++;
    if (e->n_groups <= GROUPS_MAX)
        return 0;
    beba_error_set(err, -E2BIG,
                   "its machines are %" PRIu32 " programs for the kernel, which jumps through %u",
                   e->n_groups, GROUPS_MAX);
    beba_error_hint(err, "give it fewer machines, or smaller ones");
    return -E2BIG;
}

uint32_t beba_emit_group_end(const struct emit *e, uint32_t first)
{
    uint32_t i = first;

    while (i < e->p->n_tables && e->facts[i].group == e->facts[first].group)
        i++;
    return i;
}

static void array_of(struct emit *e, const char *name, const char *program, const char *ctx)
{
    beba_emit_blank(e);
    for (uint32_t g = 1; g < e->n_groups; g++)
        beba_emit_line(e, "int %s_%" PRIu32 "(%s *ctx);", program, g, ctx);
    beba_emit_line(e, "BEBA_PROGRAMS(%s, %" PRIu32 ", %s) = {", name, e->n_groups, ctx);
    beba_emit_line(e, "    .values = {");
    for (uint32_t g = 1; g < e->n_groups; g++)
        beba_emit_line(e, "        [%" PRIu32 "] = %s_%" PRIu32 ",", g, program, g);
    beba_emit_line(e, "    },");
    beba_emit_line(e, "};");
}

void beba_emit_group_maps(struct emit *e)
{
    if (e->n_groups < 2)
        return;
    beba_emit_blank(e);
    beba_emit_line(e, "/* The programs that the tables after the first ones run in. */");
    array_of(e, "beba_mains", "beba_main", "beba_ctx");
    if (!e->opts->no_control)
        array_of(e, "beba_controls", "beba_control", "struct xdp_md");
}
