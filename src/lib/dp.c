/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Data planes of the public API: making them, and running frames through them. */
#include "lib/lib.h"

#include "lang/lang.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_DEFAULT = 256 };

/* What passes through as a number. */
static_assert((int)BEBA_PASS == (int)BEBA_VERDICT_PASS, "verdicts");
static_assert((int)BEBA_DROP == (int)BEBA_VERDICT_DROP, "verdicts");
static_assert((int)BEBA_OUTPUT == (int)BEBA_VERDICT_OUTPUT, "verdicts");
static_assert((int)BEBA_REPLY == (int)BEBA_VERDICT_REPLY, "verdicts");
static_assert((int)BEBA_FLOOD == (int)BEBA_VERDICT_FLOOD, "verdicts");
static_assert((int)BEBA_PUNT == (int)BEBA_VERDICT_PUNT, "verdicts");
static_assert((int)BEBA_BY_RULE == (int)BEBA_REASON_RULE, "reasons");
static_assert((int)BEBA_BY_DEFAULT == (int)BEBA_REASON_DEFAULT, "reasons");
static_assert((int)BEBA_BY_NO_KEY == (int)BEBA_REASON_NO_KEY, "reasons");
static_assert((int)BEBA_BY_FULL == (int)BEBA_REASON_FULL, "reasons");
static_assert((int)BEBA_BY_END == (int)BEBA_REASON_END, "reasons");
static_assert((int)BEBA_FRAME_ETHERNET == (int)BEBA_LINK_ETHERNET, "links");
static_assert((int)BEBA_FRAME_IP == (int)BEBA_LINK_IP, "links");
static_assert((int)BEBA_FRAME_SLL == (int)BEBA_LINK_SLL, "links");
static_assert((int)BEBA_FRAME_SLL2 == (int)BEBA_LINK_SLL2, "links");

const char *beba_verdict_text(unsigned verdict)
{
    if (verdict < BEBA_PASS || verdict > BEBA_PUNT)
        return "unknown";
    return beba_verdict_name((enum beba_verdict_kind)verdict);
}

const char *beba_reason_text(unsigned reason)
{
    return reason <= BEBA_BY_END ? beba_reason_name((enum beba_reason)reason) : "unknown";
}

/* --- making one ---------------------------------------------------------------------------- */

/* 0, or an error about what the caller knows and this version does not. */
static int read_options(const struct beba_dp_options *given, struct beba_dp_options *out,
                        struct beba_error *err)
{
    *out = (struct beba_dp_options){.size = sizeof(*out)};
    if (!given)
        return 0;
    if (given->size < sizeof(*out))
        return beba_error_set(err, -EINVAL, "the size of the options is not set");
    for (size_t i = offsetof(struct beba_dp_options, reserved); i < given->size; i++) {
        if (((const unsigned char *)given)[i])
            return beba_error_set(err, -E2BIG, "an option is newer than this version of libbeba");
    }
    *out = *given;
    return 0;
}

static void free_batch(struct beba_dp *dp)
{
    free(dp->packet);
    free(dp->list);
    free(dp->result);
    dp->packet = NULL;
    dp->list = NULL;
    dp->result = NULL;
    dp->cap = 0;
}

static int make_batch(struct beba_dp *dp, uint32_t cap)
{
    free_batch(dp);
    dp->packet = calloc(cap, sizeof(*dp->packet));
    dp->list = calloc(cap, sizeof(struct beba_packet *));
    dp->result = calloc(cap, sizeof(*dp->result));
    if (!dp->packet || !dp->list || !dp->result) {
        free_batch(dp);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < cap; i++)
        dp->list[i] = &dp->packet[i];
    dp->cap = cap;
    return 0;
}

int beba_dp_new(const struct beba_xfsm *program, const struct beba_dp_options *options,
                struct beba_dp **out, struct beba_message *message)
{
    struct beba_engine_opts opts;
    struct beba_dp_options o;
    struct beba_error err = {0};
    struct beba_dp *dp = NULL;
    int rc;

    if (message)
        message->text[0] = '\0';
    if (out)
        *out = NULL;
    if (!program || !out)
        return beba_lib_fail(-EINVAL, &err, message);
    rc = read_options(options, &o, &err);
    if (rc)
        return beba_lib_fail(rc, &err, message);
    opts = (struct beba_engine_opts){
        .seed = o.seed,
        .fixed_seed = o.fixed_seed,
        .events = o.events,
        .mirror_bytes = o.copy_bytes,
        .capacity = o.capacity,
        .state_dir = o.state_dir,
        .all_events = o.all_events,
    };
    dp = calloc(1, sizeof(*dp));
    rc = dp ? make_batch(dp, o.batch ? o.batch : BATCH_DEFAULT) : -ENOMEM;
    if (rc) {
        beba_error_set(&err, rc, "out of memory");
        goto fail;
    }
    dp->xfsm = program;
    dp->p = program->program->pipeline;
    rc = beba_engine_new(dp->p, &opts, &dp->engine, &err);
    if (rc)
        goto fail;
    *out = dp;
    return 0;
fail:
    beba_dp_free(dp);
    return beba_lib_fail(rc, &err, message);
}

void beba_dp_free(struct beba_dp *dp)
{
    if (!dp)
        return;
    beba_engine_free(dp->engine);
    beba_native_free(dp->native);
    beba_strbuf_free(&dp->text);
    free_batch(dp);
    free(dp);
}

int beba_dp_native(struct beba_dp *dp, struct beba_message *message)
{
    struct beba_error err = {0};
    int rc;

    if (message)
        message->text[0] = '\0';
    if (!dp)
        return beba_lib_fail(-EINVAL, &err, message);
    if (dp->native)
        return 0;
    rc = beba_native_new(dp->p, NULL, &dp->native, &err);
    if (!rc)
        rc = beba_engine_use(dp->engine, beba_native_code(dp->native));
    return rc ? beba_lib_fail(rc, &err, message) : 0;
}

/* --- running ------------------------------------------------------------------------------- */

void beba_lib_packet(const struct beba_frame *f, struct beba_packet *out)
{
    *out = (struct beba_packet){
        .data = f->data,
        .len = f->len,
        .wire_len = f->wire_len > f->len ? f->wire_len : f->len,
        .headroom = f->headroom,
        .tailroom = f->tailroom,
        .link = f->link,
        .now = f->now,
        .metadata = f->metadata,
        .in_port = f->in_port,
        .in_phy_port = f->in_port,
        .queue = f->queue,
    };
}

static void to_frame(const struct beba_packet *p, struct beba_frame *out)
{
    out->data = p->data;
    out->len = p->len;
    out->wire_len = p->wire_len;
    out->headroom = p->headroom;
    out->tailroom = p->tailroom;
    out->queue = p->queue;
    out->metadata = p->metadata;
}

static void to_outcome(const struct beba_dp *dp, const struct beba_result *r,
                       struct beba_outcome *out)
{
    const struct beba_pipeline *p = dp->p;

    *out = (struct beba_outcome){
        .verdict = r->verdict,
        .reason = r->reason,
        .port = r->port,
        .rule_id = r->rule < p->n_rules ? r->rule : UINT32_MAX,
        .first_copy = r->first_mirror,
        .copies = r->n_mirrors,
        .machine = r->table < p->n_tables ? p->table[r->table].name : NULL,
        .rule = r->rule < p->n_rules ? p->rule[r->rule]->label : NULL,
    };
}

static bool valid(const struct beba_frame *f)
{
    return f->data && f->link <= BEBA_FRAME_SLL2;
}

int beba_dp_run(struct beba_dp *dp, struct beba_frame *frames, uint32_t n,
                struct beba_outcome *outcomes)
{
    if (!dp || (n && (!frames || !outcomes)))
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++) {
        if (!valid(&frames[i]))
            return -EINVAL;
    }
    if (n > dp->cap) {
        int rc = make_batch(dp, n);

        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < n; i++)
        beba_lib_packet(&frames[i], &dp->packet[i]);
    beba_engine_run(dp->engine, dp->list, n, dp->result);
    for (uint32_t i = 0; i < n; i++) {
        to_frame(&dp->packet[i], &frames[i]);
        to_outcome(dp, &dp->result[i], &outcomes[i]);
    }
    return 0;
}

int beba_dp_feed(struct beba_dp *dp, struct beba_frame *frame, struct beba_outcome *outcome)
{
    return beba_dp_run(dp, frame, 1, outcome);
}

int beba_dp_explain(struct beba_dp *dp, struct beba_frame *frame, struct beba_outcome *outcome,
                    char **text)
{
    struct beba_trace trace = {0};
    struct beba_strbuf out = {0};
    struct beba_packet packet;
    struct beba_result result;
    int rc;

    if (text)
        *text = NULL;
    if (!dp || !frame || !outcome || !text || !valid(frame))
        return -EINVAL;
    beba_lib_packet(frame, &packet);
    rc = beba_engine_trace(dp->engine, &packet, &result, &trace);
    to_frame(&packet, frame);
    to_outcome(dp, &result, outcome);
    beba_trace_print(&out, &trace, &dp->xfsm->program->sources);
    beba_trace_free(&trace);
    if (rc)
        beba_strbuf_free(&out);
    else
        rc = beba_lib_text(&out, text);
    return rc;
}

int beba_dp_copy(const struct beba_dp *dp, uint32_t i, struct beba_copy *out)
{
    const struct beba_mirror *mirrors;
    uint32_t n;

    if (!dp || !out)
        return -EINVAL;
    mirrors = beba_engine_mirrors(dp->engine, &n);
    if (i >= n)
        return -ENOENT;
    *out = (struct beba_copy){
        .data = mirrors[i].data,
        .len = mirrors[i].len,
        .wire_len = mirrors[i].wire_len,
        .port = mirrors[i].port,
    };
    return 0;
}

/* --- building ------------------------------------------------------------------------------ */

static int parse(const char *fields, struct beba_arena *arena, struct beba_build *out,
                 struct beba_error *err)
{
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    int rc = beba_lang_parse_packet(fields, strlen(fields), arena, out, &sources, &diags);

    for (uint32_t i = 0; rc && i < diags.n; i++) {
        if (diags.diag[i].severity != BEBA_ERROR)
            continue;
        beba_error_set(err, rc, "%s", diags.diag[i].message);
        if (diags.diag[i].hint)
            beba_error_hint(err, "%s", diags.diag[i].hint);
        break;
    }
    beba_diags_free(&diags);
    beba_sources_free(&sources);
    return rc;
}

int beba_frame_build(const char *fields, uint8_t *buf, size_t size, uint32_t headroom,
                     struct beba_frame *out, struct beba_message *message)
{
    struct beba_arena arena = {0};
    struct beba_build build = {0};
    struct beba_error err = {0};
    struct beba_packet packet;
    int rc = -EINVAL;

    if (message)
        message->text[0] = '\0';
    if (!fields || !buf || !out)
        return beba_lib_fail(rc, &err, message);
    rc = parse(fields, &arena, &build, &err);
    if (!rc)
        rc = beba_packet_build(&packet, buf, size, headroom, &build, &err);
    if (rc) {
        beba_lib_fail(rc, &err, message);
        goto out;
    }
    *out = (struct beba_frame){.link = packet.link, .in_port = 1};
    to_frame(&packet, out);
out:
    beba_arena_free(&arena);
    return rc;
}
