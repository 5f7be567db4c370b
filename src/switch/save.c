/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/save.h"
#include "base/error.h"
#include "datapath/stateful.h"
#include "switch/agent.h"
#include "switch/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    GROWTH_MIN = 4 << 20, /* bytes appended before the file is written anew for its size */
    AGE_S = 10,           /* and seconds, when entries may have expired meanwhile */
    RETRIES = 17,         /* groups lead to groups, at most so deep */
};

/* A message of which the last one counts: how tables are stateful, templates, table config. */
struct kept {
    struct kept *next;
    uint64_t key;
    uint32_t len;
    uint8_t bytes[];
};

struct beba_save {
    char *path;
    struct beba_datapath *dp;
    const struct beba_log *log;
    int fd;
    struct beba_strbuf pending;
    uint64_t base, appended; /* bytes: written anew, and appended since */
    bool loading, timed, failed;
    uint32_t n_parts; /* of table features that go on */
    time_t rewritten;
    struct kept *kept;
};

/* --- what is kept by itself --------------------------------------------------------------------
 */

enum { KEY_TABLE, KEY_STATE, KEY_TEMPLATE, KEY_FEATURES };

static uint64_t key_of(const struct beba_of_msg *m)
{
    const struct beba_of_state_mod *s = &m->state_mod;
    uint64_t part = 0;

    if (m->type == OFPT_MULTIPART_REQUEST)
        return (uint64_t)KEY_FEATURES << 56;
    if (m->type == OFPT_TABLE_MOD)
        return (uint64_t)KEY_TABLE << 56 | m->table_mod.table;
    if (m->exp_type == BEBA_MSG_PKTTMP_MOD)
        return (uint64_t)KEY_TEMPLATE << 56 | m->template_mod.id;
    switch (s->command) {
    case BEBA_SET_L_EXTRACTOR:
    case BEBA_SET_U_EXTRACTOR:
        part = s->command == BEBA_SET_U_EXTRACTOR ? s->extractor.bit : 0;
        break;
    case BEBA_SET_HEADER_FIELD_EXTRACTOR:
        part = s->header_field.id;
        break;
    case BEBA_SET_CONDITION:
        part = s->condition.id;
        break;
    default:
        break;
    }
    /* Ordered so that a table is made stateful before anything else is said of it. */
    return (uint64_t)KEY_STATE << 56 | (uint64_t)s->table << 24 | (uint64_t)s->command << 8 | part;
}

static bool is_kept(const struct beba_of_msg *m)
{
    if (m->type == OFPT_TABLE_MOD || m->type == OFPT_MULTIPART_REQUEST)
        return true;
    if (m->type != OFPT_EXPERIMENTER || m->experimenter != BEBA_EXPERIMENTER)
        return false;
    if (m->exp_type == BEBA_MSG_PKTTMP_MOD)
        return true;
    return m->state_mod.command <= BEBA_SET_U_EXTRACTOR ||
           m->state_mod.command == BEBA_SET_HEADER_FIELD_EXTRACTOR ||
           m->state_mod.command == BEBA_SET_CONDITION;
}

/* Those of before: new ones are of all tables. */
static void drop_features(struct beba_save *s)
{
    for (struct kept **at = &s->kept, *k; (k = *at);) {
        if (k->key >> 56 != KEY_FEATURES) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        free(k);
    }
}

static void keep(struct beba_save *s, const struct beba_of_msg *m, const uint8_t *bytes,
                 uint32_t len)
{
    bool gone = m->type == OFPT_EXPERIMENTER && m->exp_type == BEBA_MSG_PKTTMP_MOD &&
                m->template_mod.command == BEBA_PKTTMP_DEL;
    struct kept **at = &s->kept, *k;
    uint64_t key = key_of(m);

    if (m->type == OFPT_MULTIPART_REQUEST) {
        if (!s->n_parts)
            drop_features(s);
        key |= s->n_parts++;
        if (!(m->request.flags & OFPMPF_REQ_MORE))
            s->n_parts = 0;
    }
    while (*at && (*at)->key < key)
        at = &(*at)->next;
    if (*at && (*at)->key == key) {
        k = *at;
        *at = k->next;
        free(k);
    }
    if (gone || !(k = malloc(sizeof(*k) + len)))
        return;
    k->key = key;
    k->len = len;
    memcpy(k->bytes, bytes, len);
    k->next = *at;
    *at = k;
}

/* --- appending ------------------------------------------------------------------------------- */

static void failed(struct beba_save *s, const char *what)
{
    if (!s->failed)
        beba_log(s->log, BEBA_LOG_ERROR, "%s: %s: %s", s->path, what, strerror(errno));
    s->failed = true;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return false;
        p += w;
        n -= (size_t)w;
    }
    return true;
}

void beba_save_add(struct beba_save *s, const struct beba_of_msg *msg, const uint8_t *bytes,
                   uint32_t len)
{
    if (is_kept(msg))
        keep(s, msg, bytes, len);
    if (msg->type == OFPT_FLOW_MOD)
        s->timed |= msg->flow_mod.idle_timeout || msg->flow_mod.hard_timeout;
    if (!s->loading)
        beba_strbuf_add(&s->pending, (const char *)bytes, len);
}

void beba_save_flush(struct beba_save *s)
{
    if (!s->pending.len)
        return;
    if (s->pending.failed || !write_all(s->fd, s->pending.s, s->pending.len))
        failed(s, "cannot append what changed");
    s->appended += s->pending.len;
    beba_strbuf_free(&s->pending);
    s->pending = (struct beba_strbuf){0};
}

/* --- writing anew -------------------------------------------------------------------------------
 */

struct writer {
    struct beba_save *save;
    struct beba_of_codec codec;
    struct beba_strbuf out;
    int fd;
    uint64_t bytes;
    bool failed, timed;
    uint8_t buffer[BEBA_OF_MAX_MESSAGE];
};

static void put_bytes(struct writer *w, const uint8_t *bytes, size_t len)
{
    beba_strbuf_add(&w->out, (const char *)bytes, len);
    w->bytes += len;
    if (w->out.len < 1 << 20)
        return;
    w->failed |= w->out.failed || !write_all(w->fd, w->out.s, w->out.len);
    beba_strbuf_clear(&w->out);
}

static void put(struct writer *w, const struct beba_of_msg *m)
{
    int n = beba_of_encode(m, &w->codec, w->buffer, sizeof(w->buffer));

    if (n > 0)
        put_bytes(w, w->buffer, (size_t)n);
    else
        beba_log(w->save->log, BEBA_LOG_WARNING, "%s: %s cannot be saved", w->save->path,
                 beba_of_msg_name(m));
}

static void put_meters(struct writer *w)
{
    struct beba_datapath_meter meter;
    uint64_t cursor = 0;

    while (beba_datapath_meter_next(w->save->dp, &cursor, 0, &meter)) {
        struct beba_of_msg m = {.version = OFP_VERSION, .type = OFPT_METER_MOD};

        m.meter_mod = (struct beba_of_meter_mod){OFPMC_ADD, meter.flags, meter.meter, meter.n_bands,
                                                 (struct beba_of_band *)(uintptr_t)meter.band};
        put(w, &m);
    }
}

/* In any order: loading tries those again that lead to groups which come later. */
static void put_groups(struct writer *w)
{
    struct beba_datapath_group group;
    uint64_t cursor = 0;

    while (beba_datapath_group_next(w->save->dp, &cursor, 0, &group)) {
        struct beba_of_msg m = {.version = OFP_VERSION, .type = OFPT_GROUP_MOD};

        m.group_mod =
            (struct beba_of_group_mod){OFPGC_ADD, group.type, group.group, group.n_buckets,
                                       (struct beba_of_bucket *)(uintptr_t)group.bucket};
        put(w, &m);
    }
}

/* What packets change, too: as it is now. */
static void put_globals(struct writer *w)
{
    struct beba_of_msg m = {.version = OFP_VERSION,
                            .type = OFPT_EXPERIMENTER,
                            .experimenter = BEBA_EXPERIMENTER,
                            .exp_type = BEBA_MSG_STATE_MOD,
                            .beba = true};
    uint32_t state = beba_datapath_global_state(w->save->dp);

    if (state) {
        m.state_mod.command = BEBA_SET_GLOBAL_STATE;
        m.state_mod.global_state.value = state;
        m.state_mod.global_state.mask = ~0u;
        put(w, &m);
    }
    for (unsigned t = 0; t < BEBA_STATE_TABLES; t++) {
        uint32_t vars[BEBA_GLOBAL_DATA_VARS] = {0};

        if (beba_datapath_is_stateful(w->save->dp, (uint8_t)t))
            beba_datapath_global_vars(w->save->dp, (uint8_t)t, vars);
        for (unsigned i = 0; i < BEBA_GLOBAL_DATA_VARS; i++) {
            if (!vars[i])
                continue;
            m.state_mod = (struct beba_of_state_mod){
                .command = BEBA_SET_GLOBAL_DATA_VAR,
                .table = (uint8_t)t,
                .global_var = {.id = (uint8_t)i, .value = vars[i], .mask = ~0u}};
            put(w, &m);
        }
    }
}

static void put_kept(struct writer *w)
{
    struct beba_of_msg on = {.version = OFP_VERSION,
                             .type = OFPT_EXPERIMENTER,
                             .experimenter = BEBA_EXPERIMENTER,
                             .exp_type = BEBA_MSG_STATE_MOD,
                             .beba = true,
                             .state_mod = {.command = BEBA_STATEFUL_TABLE_CONFIG}};
    const struct kept *off = NULL;
    uint64_t table = ~0ull;

    for (const struct kept *k = w->save->kept; k; k = k->next) {
        if (k->key >> 56 == KEY_STATE && k->key >> 24 != table) {
            if (off)
                put_bytes(w, off->bytes, off->len);
            off = NULL;
            table = k->key >> 24;
            on.state_mod.table = (uint8_t)(k->key >> 24);
            on.state_mod.stateful = true;
            put(w, &on);
            if ((k->key >> 8 & 0xff) == BEBA_STATEFUL_TABLE_CONFIG) {
                off = k->bytes[19] ? NULL : k; /* set up first, then as it is */
                continue;
            }
        }
        put_bytes(w, k->bytes, k->len);
    }
    if (off)
        put_bytes(w, off->bytes, off->len);
}

static bool put_flow(void *arg, const struct beba_datapath_flow *f)
{
    struct writer *w = arg;
    struct beba_of_msg m = {.version = OFP_VERSION, .type = OFPT_FLOW_MOD};

    if (f->cookie == BEBA_STANDALONE_COOKIE || f->name)
        return true;
    m.flow_mod = (struct beba_of_flow_mod){
        .cookie = f->cookie,
        .table = f->table,
        .command = OFPFC_ADD,
        .idle_timeout = f->idle_timeout,
        .hard_timeout = f->hard_timeout,
        .priority = f->priority,
        .buffer = OFP_NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .flags = (uint16_t)(f->flags & ~(unsigned)(OFPFF_CHECK_OVERLAP | OFPFF_RESET_COUNTS)),
        .match = *f->match,
        .instructions = *f->instructions,
    };
    w->timed |= f->idle_timeout || f->hard_timeout;
    put(w, &m);
    return true;
}

static void put_all(struct writer *w)
{
    struct beba_datapath_flow_filter all = {
        .table = OFPTT_ALL, .out_port = OFPP_ANY, .out_group = OFPG_ANY};
    struct beba_of_msg hello = {
        .version = OFP_VERSION,
        .type = OFPT_HELLO,
        .hello = {.has_bitmap = true, .versions = 1u << OFP_VERSION},
    };
    uint64_t cursor = 0;

    put(w, &hello);
    put_kept(w);
    put_globals(w);
    put_meters(w);
    put_groups(w);
    beba_datapath_flows(w->save->dp, &all, 0, &cursor, put_flow, w);
    w->failed |= w->out.failed || !write_all(w->fd, w->out.s, w->out.len);
    beba_strbuf_free(&w->out);
}

static int rewrite(struct beba_save *s, struct beba_error *err)
{
    struct writer *w = calloc(1, sizeof(*w));
    char temporary[4096];
    int r = 0;

    snprintf(temporary, sizeof(temporary), "%s.new", s->path);
    if (!w)
        return beba_error_set(err, -ENOMEM, "not enough memory to save");
    w->save = s;
    w->fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        r = -errno;
    } else {
        put_all(w);
        if (w->failed || rename(temporary, s->path))
            r = errno ? -errno : -EIO;
    }
    if (r) {
        beba_error_set(err, r, "cannot save the pipeline: %s", strerror(-r));
        beba_error_where(err, "%s", s->path);
        if (w->fd >= 0)
            close(w->fd);
    } else {
        if (s->fd >= 0)
            close(s->fd);
        s->fd = w->fd;
        s->base = w->bytes;
        s->appended = 0;
        s->timed = w->timed;
        s->failed = false;
        s->rewritten = time(NULL);
    }
    free(w);
    return r;
}

int beba_save_rewrite(struct beba_save *s, bool force, struct beba_error *err)
{
    bool large = s->appended > GROWTH_MIN && s->appended > 4 * s->base;
    /* What takes long is done seldom: 10 MB a second are assumed. */
    time_t age = AGE_S + (time_t)((s->base + s->appended) >> 20);
    bool old = s->timed && s->appended && time(NULL) - s->rewritten >= age;

    if (!force && !large && !old)
        return 0;
    beba_save_flush(s);
    return rewrite(s, err);
}

/* --- loading --------------------------------------------------------------------------------- */

/* Carries out one message; what it needs may come later. */
static int load_one(struct beba_agent *agent, const uint8_t *bytes, uint32_t len,
                    struct beba_of_error *err)
{
    struct beba_of_codec codec = {.side = BEBA_OF_FROM_CONTROLLER, .detect = true};
    struct beba_arena arena = {0};
    struct beba_of_msg m = {0};
    int r = beba_of_decode(bytes, len, &codec, &arena, &m, err);

    if (!r && m.type != OFPT_HELLO)
        r = beba_agent_apply(agent, &m, bytes, len, err);
    beba_arena_free(&arena);
    return r;
}

static bool all_done(const uint8_t *done, size_t n)
{
    return !memchr(done, 0, n);
}

/* Tries what is refused again as long as something succeeds. */
static int load_all(struct beba_save *s, struct beba_agent *agent, const uint8_t *bytes, size_t len)
{
    struct beba_of_error err = {0};
    size_t n = 0, at, good = 0, bad = 0;
    uint8_t *done;

    for (at = 0; len - at >= 8; n++) {
        int l = beba_of_length(bytes + at, len - at);

        if (l < 8 || (size_t)l > len - at)
            break;
        at += (size_t)l;
    }
    if (at < len)
        beba_log(s->log, BEBA_LOG_WARNING, "%s: the last %zu bytes are no whole message", s->path,
                 len - at);
    len = at;
    done = calloc(n + 1, 1);
    if (!done)
        return -ENOMEM;
    for (unsigned pass = 0; pass < RETRIES && !all_done(done, n); pass++) {
        size_t before = good;

        bad = 0;
        at = 0;
        for (size_t i = 0; i < n; i++) {
            int l = beba_of_length(bytes + at, len - at);

            if (!done[i]) {
                done[i] = !load_one(agent, bytes + at, (uint32_t)l, &err);
                good += done[i];
                bad += !done[i];
            }
            at += (size_t)l;
        }
        if (good == before)
            break;
    }
    free(done);
    if (bad)
        beba_log(s->log, BEBA_LOG_WARNING, "%s: %zu messages are refused; the last: %s", s->path,
                 bad, err.what);
    beba_log(s->log, BEBA_LOG_NOTICE, "%s: %zu messages loaded", s->path, good);
    return 0;
}

int beba_save_load(struct beba_save *s, struct beba_agent *agent, struct beba_error *err)
{
    struct stat st;
    uint8_t *bytes = NULL;
    ssize_t n = 0;
    int r = 0;

    if (fstat(s->fd, &st))
        return beba_error_set(err, -errno, "cannot read what was saved: %s", strerror(errno));
    if (st.st_size) {
        bytes = malloc((size_t)st.st_size);
        n = bytes ? pread(s->fd, bytes, (size_t)st.st_size, 0) : -1;
    }
    if (n < 0)
        r = -ENOMEM;
    s->loading = true;
    if (!r && n)
        r = load_all(s, agent, bytes, (size_t)n);
    s->loading = false;
    free(bytes);
    if (r)
        return beba_error_set(err, r, "cannot read what was saved: %s", strerror(-r));
    return rewrite(s, err);
}

int beba_save_open(const char *path, struct beba_datapath *dp, const struct beba_log *log,
                   struct beba_save **out, struct beba_error *err)
{
    struct beba_save *s = calloc(1, sizeof(*s));

    if (!s || !(s->path = strdup(path))) {
        free(s);
        return beba_error_set(err, -ENOMEM, "not enough memory");
    }
    s->dp = dp;
    s->log = log;
    s->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        int r = beba_error_set(err, -errno, "cannot open the file of the pipeline: %s",
                               strerror(errno));

        beba_error_where(err, "%s", path);
        free(s->path);
        free(s);
        return r;
    }
    *out = s;
    return 0;
}

void beba_save_close(struct beba_save *s)
{
    struct beba_error err;
    struct kept *next;

    if (!s)
        return;
    beba_save_flush(s);
    if (rewrite(s, &err))
        beba_log(s->log, BEBA_LOG_ERROR, "%s: %s", err.where, err.what);
    for (struct kept *k = s->kept; k; k = next) {
        next = k->next;
        free(k);
    }
    close(s->fd);
    beba_strbuf_free(&s->pending);
    free(s->path);
    free(s);
}
