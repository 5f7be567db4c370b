/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Runs a program on a capture in every way the interpreter has, and compares.
 *
 *   replay PROGRAM CAPTURE
 *
 * In batches, packet by packet, and told (beba_engine_trace) it must come to the same results,
 * packets, events, flows, globals, arrays and counters, and so must the program in its canonical
 * layout. Sweeping before each packet changes nothing that packets can tell. What the engine knows
 * of the headers of an edited packet is what the parser finds in it; checksums that were right stay
 * right. Prints how often what happened. Exit status: 0 all that holds, 1 not, 2 misused or
 * unreadable, 3 the program is not valid. */
#include "replay.h"

#include "base/error.h"
#include "lang/lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVALID = 3 };

/* --- what a packet must be afterwards ------------------------------------------------------ */

enum {
    TAGS =
        1 << BEBA_LAYER_VLAN | 1 << BEBA_LAYER_VLAN2 | 1 << BEBA_LAYER_MPLS | 1 << BEBA_LAYER_MPLS2
};

static bool body_is_structural(const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++) {
        const struct beba_stmt *s = &body->stmt[i];
        bool field = s->kind == BEBA_STMT_ASSIGN && s->lvalue == BEBA_LV_FIELD;

        if (field && beba_fields[s->id].flags & BEBA_FIELD_STRUCTURAL)
            return true;
        if (body_is_structural(&s->then) || body_is_structural(&s->otherwise))
            return true;
    }
    return false;
}

/* A packet that says for a while that it is another has other checksums. */
static bool is_structural(const struct beba_pipeline *p)
{
    for (uint32_t t = 0; t < p->n_tables; t++)
        for (uint32_t r = 0; r < p->table[t].n_rules; r++)
            if (body_is_structural(&p->table[t].rule[r].body))
                return true;
    return false;
}

static void check_packet(unsigned number, const struct original *o, const struct beba_packet *p,
                         bool structural)
{
    struct beba_packet fresh = *p;
    unsigned present, wrong, were_right = o->present & ~o->wrong;

    memset(&fresh.h, 0, sizeof(fresh.h));
    beba_packet_parse(&fresh);
    if (fresh.h.layers != p->h.layers || fresh.h.ether_type != p->h.ether_type ||
        fresh.h.ip_proto != p->h.ip_proto || fresh.h.n_vlan != p->h.n_vlan ||
        fresh.h.n_mpls != p->h.n_mpls || fresh.h.l3_end != p->h.l3_end)
        complain("packet %u: headers known %#x, found %#x", number, p->h.layers, fresh.h.layers);
    for (unsigned i = 0; i < BEBA_N_LAYERS; i++)
        if (fresh.h.layers >> i & 1 && fresh.h.offset[i] != p->h.offset[i])
            complain("packet %u: layer %u known at %u, found at %u", number, i, p->h.offset[i],
                     fresh.h.offset[i]);
    if (structural || ((o->p.h.layers ^ fresh.h.layers) & ~(uint32_t)TAGS))
        return;
    wrong = beba_packet_checksums(&fresh, &present);
    if (wrong & present & were_right)
        complain("packet %u: checksums %#x were right and are wrong", number, wrong & were_right);
}

/* --- runs ---------------------------------------------------------------------------------- */

static void run_one(struct world *w, const struct original *o)
{
    run_batch(w, o, 1);
}

static void tell_one(struct world *w, const struct original *o)
{
    struct beba_strbuf text = {0};
    struct beba_trace trace = {0};

    fill(w, 0, o);
    if (beba_engine_trace(w->e, &w->packet[0], &w->result[0], &trace) || !trace.n)
        complain("no trace");
    beba_trace_print(&text, &trace, NULL);
    beba_strbuf_free(&text);
    beba_trace_free(&trace);
}

/* Runs of one program in batches (a) and, with or without a trace, packet by packet (b). */
static void compare_runs(const char *what, const struct beba_pipeline *pa,
                         const struct beba_pipeline *pb, const struct original *o, unsigned n,
                         void (*one)(struct world *, const struct original *), bool report)
{
    struct world a, b;
    bool structural = is_structural(pa);

    world_init(&a, pa);
    world_init(&b, pb);
    for (unsigned at = 0; at < n && !failed; at += SLOTS) {
        unsigned batch = n - at < SLOTS ? n - at : SLOTS;

        run_batch(&a, o + at, batch);
        for (unsigned i = 0; i < batch; i++) {
            one(&b, o + at + i);
            compare_packet(what, at + i + 1, &a, i, &b, 0);
            if (report)
                check_packet(at + i + 1, &o[at + i], &a.packet[i], structural);
        }
        compare_events(what, at + batch, &a, &b);
    }
    if (n)
        compare_worlds(what, &a, &b, o[n - 1].p.now);
    if (report && !failed)
        print_counters(&a);
    world_free(&a);
    world_free(&b);
}

/* Packets cannot tell whether a sweep has expired what they would have: unless a table was full, or
 * time goes back and finds what was over later. */
static void compare_swept(const struct beba_pipeline *p, const struct original *o, unsigned n)
{
    struct world a, b;

    for (unsigned i = 1; i < n; i++)
        if (o[i].p.now < o[i - 1].p.now)
            return;
    world_init(&a, p);
    world_init(&b, p);
    for (unsigned i = 0; i < n && !failed; i++) {
        run_one(&a, &o[i]);
        if (was_full(&a))
            break;
        beba_engine_sweep(b.e, UINT32_MAX, o[i].p.now);
        run_one(&b, &o[i]);
        compare_packet("swept", i + 1, &a, 0, &b, 0);
    }
    if (!was_full(&a))
        compare_cells("swept", &a, &b);
    world_free(&a);
    world_free(&b);
}

/* --- the canonical layout ------------------------------------------------------------------ */

static void compare_layout(const struct beba_program *program, const struct original *o, unsigned n)
{
    struct beba_strbuf once = {0}, twice = {0};
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    struct beba_program *again = NULL;
    const struct beba_source *s = &program->sources.source[0];

    if (beba_lang_format("x", s->text, s->len, &once, &sources, &diags) ||
        beba_lang_format("x", once.s, once.len, &twice, &sources, &diags))
        complain("fmt: a valid program is refused");
    else if (once.len != twice.len || memcmp(once.s, twice.s, once.len) != 0)
        complain("fmt: formatting twice changes something");
    else if (beba_lang_load_text("x", once.s, once.len, NULL, &again, &diags))
        complain("fmt: what it prints is not valid");
    else
        compare_runs("fmt", program->pipeline, again->pipeline, o, n, run_one, false);
    beba_program_free(again);
    beba_sources_free(&sources);
    beba_diags_free(&diags);
    beba_strbuf_free(&once);
    beba_strbuf_free(&twice);
}

static int invalid(const struct beba_program *program, const struct beba_diags *diags,
                   const struct beba_error *err)
{
    struct beba_strbuf text = {0};

    if (program)
        beba_diags_print(diags, &program->sources, &text, false);
    fprintf(stderr, "%s\n%s", err->what, beba_strbuf_str(&text));
    beba_strbuf_free(&text);
    return INVALID;
}

int main(int argc, char **argv)
{
    struct original *o = checked(calloc(MAX_PACKETS, sizeof(*o)));
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_error err = {0};
    unsigned n = 0;
    int rc = 2;

    if (argc != 3) {
        fprintf(stderr, "usage: replay PROGRAM CAPTURE\n");
        goto out;
    }
    if (beba_lang_load_file(argv[1], NULL, &program, &diags, &err)) {
        rc = invalid(program, &diags, &err);
        goto out;
    }
    n = read_capture(argv[2], o);
    compare_runs("one by one", program->pipeline, program->pipeline, o, n, run_one, true);
    compare_runs("told", program->pipeline, program->pipeline, o, n, tell_one, false);
    compare_swept(program->pipeline, o, n);
    compare_layout(program, o, n);
    rc = failed;
out:
    free_capture(o, n);
    beba_program_free(program);
    beba_diags_free(&diags);
    return rc;
}
