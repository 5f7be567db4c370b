/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Inside of the codec: what its files share. Offsets and sizes are those of the specification's
 * structures, from the start of what a function is given. */
#ifndef BEBA_OPENFLOW_WIRE_H
#define BEBA_OPENFLOW_WIRE_H

#include "openflow/codec.h"
#include "openflow/fields.h"
#include "packet/bytes.h"

#include <errno.h>
#include <string.h>

/* --- reading -------------------------------------------------------------------------------- */

struct beba_of_dec {
    struct beba_of_codec *codec;
    struct beba_arena *arena;
    struct beba_of_error *err;
    struct beba_of_msg *msg;
    bool nested; /* within a bundle's message */
};

enum { /* dialects, as sets */
       BEBA_OF_A = 1 << BEBA_DIALECT_ADVANCED,
       BEBA_OF_M = 1 << BEBA_DIALECT_MASTER,
       BEBA_OF_O = 1 << BEBA_DIALECT_OPENSTATE,
       BEBA_OF_ALL_DIALECTS = BEBA_OF_A | BEBA_OF_M | BEBA_OF_O,
};

/* The message shows that one of these dialects is spoken. False: the connection's setting has none
 * of them. */
bool beba_of_dialects(struct beba_of_dec *d, unsigned dialects);

/* n zeroed objects; -ENOMEM with an error. n = 0 gives NULL. */
int beba_of_take(struct beba_of_dec *d, size_t n, size_t size, void **out);
#define beba_of_take_array(d, n, out) beba_of_take(d, n, sizeof(**(out)), (void **)(out))

int beba_of_bad_len(struct beba_of_dec *d, const char *what, size_t len);

/* What a match says of the headers there are, for prerequisites. -1: nothing; BEBA_OF_ANY_VALUE:
 * something unknown, that may be anything. */
enum { BEBA_OF_ANY_VALUE = -2 };
struct beba_of_known {
    int32_t eth_type, ip_proto, icmp6_type;
    bool in_port, vlan;
};
#define BEBA_OF_NOTHING_KNOWN ((struct beba_of_known){-1, -1, -1, false, false})
bool beba_of_prereq_met(const struct beba_of_known *known, enum beba_of_prereq prereq);
void beba_of_known_add(struct beba_of_known *known, const struct beba_of_oxm *oxm);

/* A match with its padding, of at most len bytes; *used: its bytes. */
int beba_of_match_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, bool prerequisites,
                         struct beba_of_match *out, size_t *used);
/* One OXM TLV, as set-field has it; errors are of BAD_ACTION. */
int beba_of_set_field_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                             struct beba_of_oxm *out);

enum beba_of_place { /* of actions */
                     BEBA_OF_IN_LIST = 0,
                     BEBA_OF_IN_PACKET_OUT = 1, /* may output to OFPP_TABLE */
};
int beba_of_actions_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                           enum beba_of_place place, struct beba_of_actions *out);
int beba_of_beba_action_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                               struct beba_of_action *out);
/* An operand of BEBA's, not a constant: is there one of this number? */
int beba_of_check_condition_operand(struct beba_of_dec *d, unsigned type, unsigned id);
/* table: of the flow entry, for GOTO_TABLE; -1: not known. */
int beba_of_instructions_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, int table,
                                struct beba_of_instructions *out);
int beba_of_buckets_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t *n,
                           struct beba_of_bucket **out);
int beba_of_bands_decode(struct beba_of_dec *d, const uint8_t *b, size_t len, uint32_t *n,
                         struct beba_of_band **out);
int beba_of_table_features_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                                  struct beba_of_table_features *out);
void beba_of_port_decode(const uint8_t *b, struct beba_of_port *out);
/* n header words of a scope. */
void beba_of_scope_decode(const uint8_t *b, uint32_t n, struct beba_of_scope *out);

/* --- writing -------------------------------------------------------------------------------- */

struct beba_of_enc {
    const struct beba_of_codec *codec;
    uint8_t *bytes;
    size_t len, cap;
    int failed; /* -errno: of what comes first */
};

/* n bytes to write to, or NULL; a failed one is remembered. */
static inline uint8_t *beba_of_room(struct beba_of_enc *e, size_t n)
{
    uint8_t *at = e->bytes + e->len;

    if (e->failed)
        return NULL;
    if (n > e->cap - e->len) {
        e->failed = -ENOBUFS;
        return NULL;
    }
    e->len += n;
    return at;
}

static inline void beba_of_put8(struct beba_of_enc *e, uint8_t v)
{
    uint8_t *at = beba_of_room(e, 1);

    if (at)
        *at = v;
}

static inline void beba_of_put16(struct beba_of_enc *e, uint16_t v)
{
    uint8_t *at = beba_of_room(e, 2);

    if (at)
        beba_store16(at, v);
}

static inline void beba_of_put32(struct beba_of_enc *e, uint32_t v)
{
    uint8_t *at = beba_of_room(e, 4);

    if (at)
        beba_store32(at, v);
}

static inline void beba_of_put64(struct beba_of_enc *e, uint64_t v)
{
    uint8_t *at = beba_of_room(e, 8);

    if (at)
        beba_store64(at, v);
}

static inline void beba_of_put(struct beba_of_enc *e, const void *bytes, size_t n)
{
    uint8_t *at = n ? beba_of_room(e, n) : NULL;

    if (at)
        memcpy(at, bytes, n);
}

static inline void beba_of_pad(struct beba_of_enc *e, size_t n)
{
    uint8_t *at = n ? beba_of_room(e, n) : NULL;

    if (at)
        memset(at, 0, n);
}

/* Zeros until what began at start has a multiple of 8 bytes. */
static inline void beba_of_pad8(struct beba_of_enc *e, size_t start)
{
    beba_of_pad(e, (8 - (e->len - start) % 8) % 8);
}

/* Writes the length of what began at start to the 16 bits at + start. */
static inline void beba_of_patch(struct beba_of_enc *e, size_t start, size_t at)
{
    size_t len = e->len - start;

    if (e->failed)
        return;
    if (len > UINT16_MAX)
        e->failed = -EMSGSIZE;
    else
        beba_store16(e->bytes + start + at, (uint16_t)len);
}

/* Notes that something cannot be said. */
static inline void beba_of_refuse(struct beba_of_enc *e)
{
    if (!e->failed)
        e->failed = -EINVAL;
}

static inline size_t beba_of_up8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

void beba_of_put_duration(struct beba_of_enc *e, uint64_t ns); /* s and ns, 32 bits each */
void beba_of_put_name(struct beba_of_enc *e, const char *s, size_t n);
void beba_of_put_oxm(struct beba_of_enc *e, const struct beba_of_oxm *oxm);
void beba_of_put_match(struct beba_of_enc *e, const struct beba_of_match *match);
void beba_of_put_actions(struct beba_of_enc *e, const struct beba_of_actions *actions);
void beba_of_put_beba_action(struct beba_of_enc *e, const struct beba_of_action *action);
void beba_of_put_instructions(struct beba_of_enc *e, const struct beba_of_instructions *i);
void beba_of_put_buckets(struct beba_of_enc *e, const struct beba_of_bucket *bucket, uint32_t n);
void beba_of_put_bands(struct beba_of_enc *e, const struct beba_of_band *band, uint32_t n);
void beba_of_put_table_features(struct beba_of_enc *e, const struct beba_of_table_features *t);
void beba_of_put_port(struct beba_of_enc *e, const struct beba_of_port *port);
void beba_of_put_headers(struct beba_of_enc *e, const struct beba_of_scope *scope);

/* --- messages --------------------------------------------------------------------------------- */

/* Bodies; b is the whole message, of len bytes, no fewer than the row of codec.c says. */
typedef int beba_of_decode_fn(struct beba_of_dec *d, const uint8_t *b, size_t len,
                              struct beba_of_msg *m);
typedef void beba_of_encode_fn(struct beba_of_enc *e, const struct beba_of_msg *m);

struct beba_of_body {
    beba_of_decode_fn *decode;
    beba_of_encode_fn *encode;
};

extern const struct beba_of_body beba_of_hello_body, beba_of_error_body, beba_of_echo_body,
    beba_of_features_body, beba_of_config_body, beba_of_packet_in_body, beba_of_flow_removed_body,
    beba_of_port_status_body, beba_of_role_body, beba_of_async_body, beba_of_queue_request_body,
    beba_of_queue_reply_body;
extern const struct beba_of_body beba_of_packet_out_body, beba_of_flow_mod_body,
    beba_of_group_mod_body, beba_of_port_mod_body, beba_of_table_mod_body, beba_of_meter_mod_body;
extern const struct beba_of_body beba_of_request_body, beba_of_reply_body;
extern const struct beba_of_body beba_of_state_mod_body, beba_of_template_mod_body,
    beba_of_state_changed_body, beba_of_notification_body;
extern const struct beba_of_body beba_of_bundle_control_body, beba_of_bundle_add_body;

/* As the functions without _within; a bundle's message must not be a bundle's. */
int beba_of_decode_within(struct beba_of_dec *outer, const uint8_t *b, size_t len,
                          struct beba_of_msg *m);
void beba_of_put_msg(struct beba_of_enc *e, const struct beba_of_msg *m);

/* --- multipart ------------------------------------------------------------------------------ */

struct beba_of_reply_kind {
    uint16_t type;
    uint32_t experimenter, exp_type;
    bool short_form, global_data;
};
/* What follows the multipart header in requests and replies of BEBA; b is the whole message. */
int beba_of_beba_request_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                                struct beba_of_request *r);
void beba_of_put_beba_request(struct beba_of_enc *e, const struct beba_of_request *r);
int beba_of_beba_reply_decode(struct beba_of_dec *d, const uint8_t *b, size_t len,
                              struct beba_of_multipart_reply *r);

#endif
