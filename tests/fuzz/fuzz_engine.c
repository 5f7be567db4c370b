/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The engine: any packets through the example programs. Running and explaining must agree, in
 * verdicts, packets, counters and flows.
 *
 * Input: program, capacity, then packets: time step, port and link, length (2 bytes), bytes. */
#include "fuzz.h"

#include "base/error.h"
#include "engine/engine.h"
#include "lang/lang.h"

#include <dirent.h>
#include <string.h>

enum { MAX_PROGRAMS = 128, ROOM = 64, MAX_LEN = 2048 };

static struct beba_program *programs[MAX_PROGRAMS];
static unsigned n_programs;

static int is_program(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && !strcmp(dot, ".xfsm");
}

static void load_programs(void)
{
    struct dirent **entry;
    int n = scandir(EXAMPLES, &entry, is_program, alphasort);

    for (int i = 0; i < n; i++) {
        struct beba_diags diags = {0};
        struct beba_program *program = NULL;
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", EXAMPLES, entry[i]->d_name);
        if (n_programs < MAX_PROGRAMS && !beba_lang_load_file(path, NULL, &program, &diags, NULL)) {
            programs[n_programs++] = program;
            program = NULL;
        }
        beba_program_free(program);
        beba_diags_free(&diags);
        free(entry[i]);
    }
    if (n >= 0)
        free(entry);
    require(n_programs > 0);
}

struct world {
    struct beba_engine *e;
    uint8_t buf[MAX_LEN + 2 * ROOM];
    struct beba_packet p;
};

static void make(struct world *w, const struct beba_pipeline *pipeline, uint64_t capacity)
{
    struct beba_engine_opts opts = {.seed = 1,
                                    .fixed_seed = true,
                                    .events = 64,
                                    .mirror_bytes = 4096,
                                    .capacity = capacity,
                                    .all_events = true};
    struct beba_error err = {0};

    if (beba_engine_new(pipeline, &opts, &w->e, &err)) {
        fprintf(stderr, "%s\n", err.what);
        abort();
    }
}

static void fill(struct world *w, const uint8_t *bytes, uint32_t len, uint8_t how, uint64_t now)
{
    memset(w->buf, 0, sizeof(w->buf));
    memcpy(w->buf + ROOM, bytes, len);
    w->p = (struct beba_packet){.data = w->buf + ROOM,
                                .len = len,
                                .wire_len = len,
                                .headroom = ROOM,
                                .tailroom = ROOM,
                                .link = how >> 6,
                                .now = now,
                                .in_port = 1 + (how & 7)};
}

static void compare(struct world *a, struct world *b, const struct beba_result *x,
                    const struct beba_result *y)
{
    uint32_t n, m;

    require(x->verdict == y->verdict && x->reason == y->reason && x->port == y->port);
    require(x->table == y->table && x->rule == y->rule);
    require(x->verdict != BEBA_VERDICT_NONE && x->verdict < BEBA_N_VERDICTS);
    require(a->p.len == b->p.len && !memcmp(a->p.data, b->p.data, a->p.len));
    require(a->p.queue == b->p.queue && a->p.metadata == b->p.metadata);
    require(a->p.data >= a->buf && a->p.data + a->p.len <= a->buf + sizeof(a->buf));
    beba_engine_mirrors(a->e, &n);
    beba_engine_mirrors(b->e, &m);
    require(n == m);
}

static void compare_flows(struct world *a, struct world *b, const struct beba_pipeline *pipeline,
                          uint64_t now)
{
    const struct beba_engine_stats *s = beba_engine_stats(a->e), *t = beba_engine_stats(b->e);

    require(s->packets == t->packets && s->bytes == t->bytes);
    require(!memcmp(s->verdict, t->verdict, sizeof(s->verdict)));
    for (uint32_t table = 0; table < pipeline->n_tables; table++) {
        uint64_t at = 0, also_at = 0;
        struct beba_flow f, g;

        while (beba_engine_next_flow(a->e, table, now, &at, &f)) {
            require(beba_engine_next_flow(b->e, table, now, &also_at, &g));
            require(f.state == g.state && f.entered == g.entered && f.used == g.used);
            require(f.state < pipeline->table[table].n_states);
            require(!memcmp(f.regs, g.regs, pipeline->table[table].regs_size));
        }
        require(!beba_engine_next_flow(b->e, table, now, &also_at, &g));
    }
}

static void drain_events(struct world *a, struct world *b, const struct beba_pipeline *pipeline)
{
    struct beba_event x, y;
    struct beba_strbuf out = {0};

    while (beba_engine_event(a->e, &x)) {
        require(beba_engine_event(b->e, &y));
        require(x.kind == y.kind && x.time == y.time && x.table == y.table);
        beba_event_print(&out, pipeline, &x);
    }
    require(!beba_engine_event(b->e, &y));
    beba_strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world runs, tells;
    const struct beba_pipeline *pipeline;
    const uint8_t *end = data + size;
    uint64_t now = 1000000000;

    if (!n_programs)
        load_programs();
    if (size < 2)
        return 0;
    pipeline = programs[data[0] % n_programs]->pipeline;
    make(&runs, pipeline, 1 + data[1]);
    make(&tells, pipeline, 1 + data[1]);
    data += 2;
    for (unsigned n = 0; n < 64 && end - data >= 4; n++) {
        struct beba_packet *packet = &runs.p;
        struct beba_result ran, told;
        struct beba_strbuf out = {0};
        uint32_t len = (uint32_t)(data[2] << 8 | data[3]) % MAX_LEN;

        now += (uint64_t)data[0] * data[0] * 4000000; /* up to 260 s */
        if (len > end - data - 4)
            len = (uint32_t)(end - data - 4);
        fill(&runs, data + 4, len, data[1], now);
        fill(&tells, data + 4, len, data[1], now);
        beba_engine_run(runs.e, &packet, 1, &ran);
        beba_engine_explain(tells.e, &tells.p, &told, &out);
        require(out.len && !out.failed);
        beba_strbuf_free(&out);
        compare(&runs, &tells, &ran, &told);
        drain_events(&runs, &tells, pipeline);
        data += 4 + len;
    }
    compare_flows(&runs, &tells, pipeline, now);
    beba_engine_sweep(runs.e, UINT32_MAX, now);
    beba_engine_free(runs.e);
    beba_engine_free(tells.e);
    return 0;
}
