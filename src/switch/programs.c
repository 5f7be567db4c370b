/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/programs.h"
#include "base/error.h"
#include "lang/lang.h"
#include "switch/agent.h"
#include "switch/mac_learning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct loaded {
    bool there;
    uint8_t next;
    char name[64];
    char path[4096];
};

struct beba_programs {
    struct beba_datapath *dp;
    const struct beba_log *log;
    char *list, *flows; /* files; NULL: nothing is kept */
    struct loaded at[BEBA_DP_TABLES];
};

static char *with_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    char *out = malloc(n + m + 1);

    if (out) {
        memcpy(out, path, n);
        memcpy(out + n, suffix, m + 1);
    }
    return out;
}

int beba_programs_new(struct beba_datapath *dp, const struct beba_log *log, const char *state,
                      struct beba_programs **out, struct beba_error *err)
{
    struct beba_programs *ps = calloc(1, sizeof(*ps));

    if (ps && state) {
        ps->list = with_suffix(state, ".programs");
        ps->flows = with_suffix(state, ".flows");
    }
    if (!ps || (state && (!ps->list || !ps->flows))) {
        beba_programs_close(ps);
        return beba_error_set(err, -ENOMEM, "not enough memory");
    }
    ps->dp = dp;
    ps->log = log;
    *out = ps;
    return 0;
}

void beba_programs_close(struct beba_programs *ps)
{
    if (!ps)
        return;
    free(ps->list);
    free(ps->flows);
    free(ps);
}

/* --- the list -----------------------------------------------------------------------------------
 */

static int save(struct beba_programs *ps, struct beba_error *err)
{
    char *temporary;
    FILE *f;
    bool good;

    if (!ps->list)
        return 0;
    temporary = with_suffix(ps->list, ".new");
    f = temporary ? fopen(temporary, "we") : NULL;
    good = f != NULL;
    for (unsigned t = 0; good && t < BEBA_DP_TABLES; t++) {
        if (ps->at[t].there)
            good = fprintf(f, "%u %u %s\n", t, ps->at[t].next, ps->at[t].path) > 0;
    }
    if (f && fclose(f))
        good = false;
    if (good)
        good = !rename(temporary, ps->list);
    if (!good) {
        beba_error_set(err, errno ? -errno : -EIO, "cannot note the programs: %s", strerror(errno));
        beba_error_where(err, "%s", ps->list);
    }
    free(temporary);
    return good ? 0 : -EIO;
}

static void restore_line(struct beba_programs *ps, char *line)
{
    struct beba_error err = {0};
    unsigned table, next;
    int at = 0;

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%u %u %n", &table, &next, &at) != 2 || !at || table >= BEBA_DP_TABLES ||
        next >= BEBA_DP_TABLES)
        beba_log(ps->log, BEBA_LOG_WARNING, "%s: '%s' means nothing", ps->list, line);
    else if (beba_programs_load(ps, (uint8_t)table, (uint8_t)next, line + at, &err))
        beba_log(ps->log, BEBA_LOG_ERROR, "table %u: %s: %s", table, line + at, err.what);
}

void beba_programs_restore(struct beba_programs *ps)
{
    FILE *f = ps->list ? fopen(ps->list, "re") : NULL;
    char *text = NULL, *line, *rest;
    size_t size = 0;

    /* Read whole first: loading writes it anew. */
    if (f && getdelim(&text, &size, '\0', f) > 0) {
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            restore_line(ps, line);
    }
    if (f)
        fclose(f);
    free(text);
}

/* --- loading ------------------------------------------------------------------------------------
 */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The first error, with its place. */
static int first_error(const struct beba_program *program, const struct beba_diags *diags, int r,
                       struct beba_error *err)
{
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct beba_diag *d = &diags->diag[i];
        unsigned line, column;

        if (d->severity != BEBA_ERROR)
            continue;
        beba_sources_position(&program->sources, d->loc, &line, &column);
        beba_error_set(err, -EINVAL, "%s", d->message);
        beba_error_where(err, "%s:%u:%u", program->sources.source[d->loc.source].name, line,
                         column);
        if (d->hint)
            beba_error_hint(err, "%s", d->hint);
        return -EINVAL;
    }
    if (err && !err->what[0])
        beba_error_set(err, r, "cannot load the program: %s", strerror(-r));
    return r;
}

/* Says why a program is not taken, and frees what there is of it. */
static int refuse(struct beba_program *program, struct beba_diags *diags, int r,
                  struct beba_error *err)
{
    r = first_error(program, diags, r, err);
    beba_program_free(program);
    beba_diags_free(diags);
    return r;
}

/* Takes the program. */
static int put(struct beba_programs *ps, const struct beba_datapath_program_opts *opts,
               struct beba_program *program, struct beba_error *err)
{
    int r = beba_datapath_program_load(ps->dp, opts, program, err);

    if (r)
        beba_program_free(program);
    return r;
}

int beba_programs_load(struct beba_programs *ps, uint8_t table, uint8_t next, const char *path,
                       struct beba_error *err)
{
    struct beba_lang_opts lang = {.no_warnings = true};
    struct beba_datapath_program_opts opts = {.table = table, .next = next, .state_dir = ps->flows};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct loaded *l;
    int r;

    if (table >= BEBA_DP_TABLES || strlen(path) >= sizeof(l->path) || strchr(path, '\n'))
        return beba_error_set(err, -EINVAL, "there is no table %u, or the path is too long", table);
    l = &ps->at[table];
    r = beba_lang_load_file(path, &lang, &program, &diags, err);
    if (r)
        return refuse(program, &diags, r, err);
    beba_diags_free(&diags);
    if (ps->flows && mkdir(ps->flows, 0700) && errno != EEXIST) {
        beba_program_free(program);
        return beba_error_set(err, -errno, "cannot make %s: %s", ps->flows, strerror(errno));
    }
    opts.name = base_name(path);
    r = put(ps, &opts, program, err);
    if (r)
        return r;
    l->there = true;
    l->next = next;
    snprintf(l->path, sizeof(l->path), "%s", path);
    snprintf(l->name, sizeof(l->name), "%.63s", base_name(path));
    beba_log(ps->log, BEBA_LOG_NOTICE, "table %u: program %s", table, path);
    return save(ps, err);
}

int beba_programs_unload(struct beba_programs *ps, uint8_t table, struct beba_error *err)
{
    if (table >= BEBA_DP_TABLES || !ps->at[table].there)
        return beba_error_set(err, -ENOENT, "table %u has no program", table);
    beba_datapath_program_unload(ps->dp, table);
    ps->at[table].there = false;
    beba_log(ps->log, BEBA_LOG_NOTICE, "table %u: its program is unloaded", table);
    return save(ps, err);
}

bool beba_programs_next(const struct beba_programs *ps, unsigned *cursor, struct beba_loaded *out)
{
    for (; *cursor < BEBA_DP_TABLES; ++*cursor) {
        const struct loaded *l = &ps->at[*cursor];

        if (!l->there)
            continue;
        *out = (struct beba_loaded){(uint8_t)*cursor, l->next, l->name, l->path};
        ++*cursor;
        return true;
    }
    return false;
}

/* --- standing alone -----------------------------------------------------------------------------
 */

static int lead_there(struct beba_programs *ps, uint8_t command, uint16_t priority,
                      struct beba_of_error *err)
{
    struct beba_of_flow_mod mod = {
        .cookie = BEBA_STANDALONE_COOKIE,
        .cookie_mask = command == OFPFC_DELETE ? ~0ull : 0,
        .command = command,
        .priority = priority,
        .buffer = OFP_NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .instructions = {.present = BEBA_OF_GOTO,
                         .table = BEBA_STANDALONE_TABLE,
                         .order = {OFPIT_GOTO_TABLE}},
    };

    return beba_datapath_flow_mod(ps->dp, &mod, beba_agent_now(), err);
}

int beba_programs_stand_alone(struct beba_programs *ps, uint16_t priority, struct beba_error *err)
{
    struct beba_datapath_program_opts opts = {.table = BEBA_STANDALONE_TABLE,
                                              .name = "mac_learning"};
    struct beba_lang_opts lang = {.no_warnings = true};
    struct beba_program *program = NULL;
    struct beba_of_error refused = {0};
    struct beba_diags diags = {0};
    int r = beba_lang_load_text("mac_learning.xfsm", (const char *)mac_learning,
                                sizeof(mac_learning), &lang, &program, &diags);

    if (r)
        return refuse(program, &diags, r, err);
    beba_diags_free(&diags);
    r = put(ps, &opts, program, err);
    if (!r && lead_there(ps, OFPFC_ADD, priority, &refused)) {
        beba_datapath_program_unload(ps->dp, BEBA_STANDALONE_TABLE);
        r = beba_error_set(err, -EINVAL, "%s", refused.what);
    }
    return r;
}

void beba_programs_stand_back(struct beba_programs *ps)
{
    lead_there(ps, OFPFC_DELETE, 0, NULL);
    beba_datapath_program_unload(ps->dp, BEBA_STANDALONE_TABLE);
}
