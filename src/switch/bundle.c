/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bundles (EXT-230): messages that are kept, and carried out all at once or not at all. Every
 * bundle is atomic and ordered here, whatever its flags say. */
#include "switch/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_MAX = 1 << 20,
    BYTES_MAX = 128 << 20,
};

/* A message as it came; its bytes follow. */
struct kept {
    struct kept *next;
    uint32_t len;
    uint8_t bytes[];
};

struct beba_bundle {
    struct beba_bundle *next;
    uint32_t id;
    uint16_t flags;
    bool closed;
    uint32_t n;
    size_t bytes;
    struct kept *first, **last;
};

static struct beba_bundle *find(struct beba_session *s, uint32_t id)
{
    struct beba_bundle *b = s->bundles;

    while (b && b->id != id)
        b = b->next;
    return b;
}

static void drop(struct beba_session *s, struct beba_bundle *b)
{
    struct beba_bundle **at = &s->bundles;
    struct kept *next;

    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    s->n_bundles--;
    for (struct kept *k = b->first; k; k = next) {
        next = k->next;
        free(k);
    }
    free(b);
}

void beba_session_bundles_drop(struct beba_session *s)
{
    while (s->bundles)
        drop(s, s->bundles);
}

static int open_bundle(struct beba_session *s, uint32_t id, uint16_t flags,
                       struct beba_bundle **out, struct beba_of_error *err)
{
    struct beba_bundle *b;

    if (flags & ~(unsigned)(ONF_BF_ATOMIC | ONF_BF_ORDERED))
        return beba_of_error_onf(err, ONFERR_ET_BAD_FLAGS, "flags 0x%x are not known", flags);
    if (s->n_bundles >= BEBA_SESSION_BUNDLES || !(b = calloc(1, sizeof(*b))))
        return beba_of_error_onf(err, ONFERR_ET_OUT_OF_BUNDLES, "there are %u bundles already",
                                 s->n_bundles);
    b->id = id;
    b->flags = flags;
    b->last = &b->first;
    b->next = s->bundles;
    s->bundles = b;
    s->n_bundles++;
    *out = b;
    return 0;
}

/* --- committing ------------------------------------------------------------------------------- */

/* Decodes a kept message anew: it was good when it came. */
static int decode(struct beba_session *s, const struct kept *k, struct beba_of_msg *m,
                  struct beba_of_error *err)
{
    return beba_of_decode(k->bytes, k->len, &s->codec, &s->arena, m, err);
}

static int apply(struct beba_session *s, const struct beba_of_msg *m, struct beba_of_error *err)
{
    if (m->type == OFPT_PACKET_OUT)
        return beba_agent_packet_out(s->agent, &m->packet_out, true, err);
    return beba_agent_modify(s->agent, m, err);
}

/* After the commit: what is told of the changes, and packets. */
static void follow(struct beba_session *s, const struct kept *k)
{
    struct beba_of_error err;
    struct beba_of_msg m;

    if (decode(s, k, &m, &err))
        return;
    if (m.type == OFPT_PACKET_OUT) {
        beba_agent_packet_out(s->agent, &m.packet_out, false, &err);
        return;
    }
    s->agent->o.changed(s->agent->o.arg, &m, k->bytes, k->len);
    if (m.type == OFPT_FLOW_MOD) {
        s->agent->stats.flow_mods++;
        beba_session_notify(s, m.xid, &m.flow_mod);
    }
}

static int commit(struct beba_session *s, struct beba_bundle *b, struct beba_of_error *err)
{
    struct beba_of_error inner = {0};
    const struct kept *k;
    int r = 0;

    beba_datapath_begin(s->agent->o.dp);
    for (k = b->first; k && !r; k = r ? k : k->next) {
        struct beba_of_msg m;

        r = decode(s, k, &m, &inner);
        if (!r)
            r = apply(s, &m, &inner);
        beba_arena_free(&s->arena);
        if (r)
            break;
    }
    if (r) {
        beba_datapath_rollback(s->agent->o.dp);
        beba_session_error(s, &inner, k->bytes, k->len);
        drop(s, b);
        return beba_of_error_onf(err, ONFERR_ET_FAILED, "the bundle is not committed: %s",
                                 inner.what);
    }
    beba_datapath_commit(s->agent->o.dp);
    for (k = b->first; k; k = k->next) {
        follow(s, k);
        beba_arena_free(&s->arena);
    }
    drop(s, b);
    return 0;
}

int beba_session_bundle_control(struct beba_session *s, const struct beba_of_msg *m,
                                const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    const struct beba_of_bundle_control c = m->bundle_control;
    struct beba_bundle *b = find(s, c.bundle);
    struct beba_of_msg reply = {.version = OFP_VERSION,
                                .type = OFPT_EXPERIMENTER,
                                .xid = m->xid,
                                .experimenter = ONF_EXPERIMENTER,
                                .exp_type = ONF_ET_BUNDLE_CONTROL};
    int r = 0;

    if (!b && (c.type == ONF_BCT_CLOSE_REQUEST || c.type == ONF_BCT_COMMIT_REQUEST ||
               c.type == ONF_BCT_DISCARD_REQUEST))
        return beba_of_error_onf(err, ONFERR_ET_BAD_ID, "there is no bundle %u", c.bundle);
    if (b && c.type != ONF_BCT_OPEN_REQUEST && c.flags != b->flags) {
        drop(s, b);
        return beba_of_error_onf(err, ONFERR_ET_BAD_FLAGS, "the bundle was opened with others");
    }
    switch (c.type) {
    case ONF_BCT_OPEN_REQUEST:
        if (b) {
            drop(s, b);
            return beba_of_error_onf(err, ONFERR_ET_BUNDLE_EXIST, "bundle %u is open already",
                                     c.bundle);
        }
        r = open_bundle(s, c.bundle, c.flags, &b, err);
        break;
    case ONF_BCT_CLOSE_REQUEST:
        if (b->closed) {
            drop(s, b);
            return beba_of_error_onf(err, ONFERR_ET_BUNDLE_CLOSED, "bundle %u is closed already",
                                     c.bundle);
        }
        b->closed = true;
        break;
    case ONF_BCT_COMMIT_REQUEST:
        r = commit(s, b, err);
        break;
    case ONF_BCT_DISCARD_REQUEST:
        drop(s, b);
        break;
    default:
        return beba_of_error_onf(err, ONFERR_ET_BAD_TYPE, "bundle control type %u is none", c.type);
    }
    if (r)
        return r;
    reply.bundle_control = (struct beba_of_bundle_control){
        .bundle = c.bundle, .type = (uint16_t)(c.type + 1), .flags = c.flags};
    beba_session_send(s, &reply, BEBA_CONN_REPLY);
    return 0;
}

static bool may_be_bundled(uint8_t type)
{
    return type == OFPT_FLOW_MOD || type == OFPT_GROUP_MOD || type == OFPT_METER_MOD ||
           type == OFPT_PACKET_OUT;
}

int beba_session_bundle_add(struct beba_session *s, const struct beba_of_msg *m,
                            const uint8_t *bytes, uint32_t len, struct beba_of_error *err)
{
    const struct beba_of_bundle_add *add = &m->bundle_add;
    struct beba_bundle *b = find(s, add->bundle);
    struct kept *k;
    int r;

    if (add->message->xid != m->xid)
        return beba_of_error_onf(err, ONFERR_ET_MSG_BAD_XID, "the message within has xid 0x%x",
                                 add->message->xid);
    if (!may_be_bundled(add->message->type))
        return beba_of_error_onf(err, ONFERR_ET_MSG_UNSUP, "%s cannot be in a bundle",
                                 beba_of_msg_name(add->message));
    if (!b) { /* opened by its first message */
        r = open_bundle(s, add->bundle, add->flags, &b, err);
        if (r)
            return r;
    }
    if (b->closed) {
        drop(s, b);
        return beba_of_error_onf(err, ONFERR_ET_BUNDLE_CLOSED, "bundle %u is closed", add->bundle);
    }
    if (add->flags != b->flags) {
        drop(s, b);
        return beba_of_error_onf(err, ONFERR_ET_BAD_FLAGS, "the bundle was opened with others");
    }
    if (b->n >= MESSAGES_MAX || b->bytes + add->bytes.len > BYTES_MAX ||
        !(k = malloc(sizeof(*k) + add->bytes.len)))
        return beba_of_error_onf(err, ONFERR_ET_MSG_TOO_MANY, "the bundle has %u messages", b->n);
    k->next = NULL;
    k->len = add->bytes.len;
    memcpy(k->bytes, add->bytes.bytes, k->len);
    *b->last = k;
    b->last = &k->next;
    b->n++;
    b->bytes += k->len;
    return 0;
}
