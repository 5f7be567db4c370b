/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Bytes to messages and back: OpenFlow 1.3.5, the BEBA extension in its three dialects
 * (docs/beba-extension.md), bundles of EXT-230. No sockets, no packets.
 *
 * What is refused here is what the bytes alone show: version, type, lengths, unknown and malformed
 * parts, values that the specification forbids. What depends on the switch's tables, ports, groups
 * or meters is for who executes the message. The error is the specification's. */
#ifndef BEBA_OPENFLOW_CODEC_H
#define BEBA_OPENFLOW_CODEC_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "openflow/message.h"

enum beba_of_side { /* whose messages are decoded; others are BAD_TYPE */
                    BEBA_OF_ANY_SIDE,
                    BEBA_OF_FROM_CONTROLLER,
                    BEBA_OF_FROM_SWITCH,
};

/* One connection's. Changed by decode only, which notes what the bytes show. Owner: the
 * connection, one thread. */
struct beba_of_codec {
    uint8_t side;     /* enum beba_of_side */
    uint8_t dialect;  /* enum beba_dialect: spoken where the bytes do not tell; decides replies */
    bool detect;      /* dialect follows what decoded messages show; else what is not of the
                         dialect is refused as unknown */
    uint8_t possible; /* with detect: the dialects (1 << enum beba_dialect) that agree with all that
                         was decoded; 0 at first: all */
    bool onf_tcp_flags; /* tcp_flags has been seen in ONF's form only */
    bool seen_beba;     /* the peer has used the extension */
};

/* The length of the message that begins here: 0 when fewer than 8 bytes are there; -EPROTO when the
 * header says less than 8, after which framing is lost. It may be more than len. */
int beba_of_length(const uint8_t *bytes, size_t len);

/* Decodes one whole message of len bytes. Memory comes from arena; what a message can make take is
 * bounded by 64 times its length and 4 KiB. -EINVAL: err (may be NULL) says what to answer; msg has
 * version, type and xid where the header could be read. */
int beba_of_decode(const uint8_t *bytes, size_t len, struct beba_of_codec *codec,
                   struct beba_arena *arena, struct beba_of_msg *msg, struct beba_of_error *err);

/* Writes msg to out; returns its length, -ENOBUFS when cap is too small, -EMSGSIZE when it is past
 * 64 KiB, -EINVAL when it cannot be said (in this dialect). cap BEBA_OF_MAX_MESSAGE fits all. */
int beba_of_encode(const struct beba_of_msg *msg, const struct beba_of_codec *codec, uint8_t *out,
                   size_t cap);

/* The ERROR that answers a refused message: standard ones carry its first 64 bytes, BEBA's all of
 * it. HELLO_FAILED carries err->what. */
int beba_of_encode_error(const struct beba_of_error *err, const uint8_t *message, size_t len,
                         uint8_t *out, size_t cap);

/* "FLOW_MOD", "BEBA STATE_MOD": for logs. */
const char *beba_of_msg_name(const struct beba_of_msg *msg);
/* "SET_FLOW_STATE"; of an unknown command, "STATE_MOD". */
const char *beba_of_state_mod_name(uint8_t command);
/* "BAD_MATCH", "BAD_PREREQ"; of an unknown one, "?". */
const char *beba_of_error_type_name(uint16_t type);
const char *beba_of_error_code_name(uint16_t type, uint16_t code, uint32_t experimenter);

/* --- parts, for statistics and exporters ----------------------------------------------------- */

/* The bytes of a match with its padding, or -errno as encode. */
int beba_of_match_encode(const struct beba_of_match *match, uint8_t *out, size_t cap);
/* The bytes of actions or instructions. */
int beba_of_actions_encode(const struct beba_of_actions *actions, const struct beba_of_codec *codec,
                           uint8_t *out, size_t cap);
int beba_of_instructions_encode(const struct beba_of_instructions *instructions,
                                const struct beba_of_codec *codec, uint8_t *out, size_t cap);

/* Checks that every set-field finds the header it needs: in match, or pushed by actions before it
 * [7.2.5]; else BAD_ACTION, MATCH_INCONSISTENT. decode has done this for flow-mods. */
int beba_of_check_prerequisites(const struct beba_of_match *match,
                                const struct beba_of_instructions *instructions,
                                struct beba_of_error *err);

#endif
