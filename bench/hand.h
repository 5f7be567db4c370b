/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Four of the programs written by hand in C for one thread: the yardstick of native_bench. Each
 * takes a batch of 32: parse, hash and prefetch for all; then look up, decide and update one by
 * one. They count packets and bytes by rule, know IPv4 and IPv6, keep all timeouts, and refuse or
 * evict when full, as the programs do; verdicts are compared with the interpreter's. */
#ifndef BEBA_BENCH_HAND_H
#define BEBA_BENCH_HAND_H

#include "hand_table.h"
#include "pipeline/pipeline.h"

enum { HAND_BATCH = 32, HAND_RULES = 24 };

struct hand_tally {
    uint64_t packets, bytes;
};

struct hand {
    struct hand_table table;
    struct hand_tally rule[HAND_RULES];
};

/* enum beba_verdict_kind, and the port of an output above it. */
typedef uint32_t hand_verdict;

HAND_INLINE hand_verdict hand_count(struct hand *h, const struct beba_packet *p, unsigned rule,
                                    hand_verdict verdict)
{
    h->rule[rule].packets++;
    h->rule[rule].bytes += p->wire_len;
    return verdict;
}

#define HAND_SECOND 1000000000ull

/* Port knocking: examples/port_knocking.xfsm -------------------------------------------------- */

enum { KNOCK_CLOSED, KNOCK_1, KNOCK_2, KNOCK_3, KNOCK_OPEN };
enum { KNOCK_SEEN = 2, KNOCK_STATE = 3 };
static const struct hand_shape knock_shape = {.words = 4, .key = 2, .time = KNOCK_SEEN, .ways = 2};

HAND_INLINE bool knock_over(const uint64_t *e, uint64_t now)
{
    return e[KNOCK_STATE] == KNOCK_CLOSED ||
           now - e[KNOCK_SEEN] >= (e[KNOCK_STATE] == KNOCK_OPEN ? 60 * HAND_SECOND : HAND_SECOND);
}

/* True and the port when there is a knock; the rules: 0 server, 1 + 2s knock right in state s,
 * 2 + 2s wrong, 9 and 10 through and not, 11 no key. */
HAND_INLINE hand_verdict knock(struct hand *h, const struct beba_packet *p,
                               const struct hand_headers *k, uint32_t line)
{
    const uint64_t server = (uint64_t)htonl(10u << 24 | 100) << 32 | 0xffff0000u;
    uint64_t *e = hand_find(&h->table, knock_shape, line, k->src), state, next = KNOCK_CLOSED;
    bool right;

    state = e && !knock_over(e, p->now) ? e[KNOCK_STATE] : KNOCK_CLOSED;
    if (state == KNOCK_OPEN) {
        right = k->proto == IPPROTO_TCP && k->dport == htons(22);
        e[KNOCK_SEEN] = p->now;
        return hand_count(h, p, right ? 9 : 10, right ? BEBA_VERDICT_PASS : BEBA_VERDICT_DROP);
    }
    if (state == KNOCK_CLOSED && k->src[1] == server && !k->src[0] &&
        (k->dst[1] != server || k->dst[0]))
        return hand_count(h, p, 0, BEBA_VERDICT_PASS);
    right = k->proto == IPPROTO_UDP && k->dport == htons((uint16_t)(1111 * (state + 1)));
    if (right)
        next = state + 1;
    if (!e && right)
        e = hand_insert(&h->table, knock_shape, line, k->src, p->now, knock_over, false);
    if (e) {
        e[KNOCK_SEEN] = p->now;
        e[KNOCK_STATE] = next;
    }
    return hand_count(h, p, (unsigned)(2 * state + (right ? 1 : 2)), BEBA_VERDICT_DROP);
}

static void hand_port_knocking(struct hand *h, struct beba_packet *const *packet,
                               hand_verdict *verdict)
{
    struct hand_headers k[HAND_BATCH];
    uint32_t line[HAND_BATCH];
    bool has[HAND_BATCH];

    for (unsigned i = 0; i < HAND_BATCH; i++) {
        has[i] = hand_parse(packet[i], &k[i]);
        if (has[i])
            line[i] = hand_prefetch(&h->table, k[i].src, 2);
    }
    for (unsigned i = 0; i < HAND_BATCH; i++)
        verdict[i] = has[i] ? knock(h, packet[i], &k[i], line[i])
                            : hand_count(h, packet[i], 11, BEBA_VERDICT_PASS);
}

/* Token bucket: examples/token_bucket.xfsm ---------------------------------------------------- */

#define BUCKET_PACKET (HAND_SECOND / 1000)
#define BUCKET_FULL_P (100 * BUCKET_PACKET)
#define BUCKET_BYTE   (8 * HAND_SECOND / 8000000)
#define BUCKET_FULL_B (64000 * BUCKET_BYTE)

enum { BUCKET_PACKETS = 2, BUCKET_BYTES, BUCKET_LAST };
static const struct hand_shape bucket_shape = {
    .words = 8, .key = 2, .time = BUCKET_LAST, .ways = 1};

HAND_INLINE bool bucket_over(const uint64_t *e, uint64_t now)
{
    return now - e[BUCKET_LAST] >= 60 * HAND_SECOND;
}

HAND_INLINE uint64_t bucket_refill(uint64_t tokens, uint64_t since, uint64_t full)
{
    uint64_t sum = tokens + since;

    return sum < tokens || sum > full ? full : sum;
}

HAND_INLINE hand_verdict bucket(struct hand *h, const struct beba_packet *p,
                                const struct hand_headers *k, uint32_t line)
{
    uint64_t *e = hand_find(&h->table, bucket_shape, line, k->src);
    uint64_t packets = BUCKET_FULL_P, bytes = BUCKET_FULL_B, cost = p->wire_len * BUCKET_BYTE;
    bool enough;

    if (e && !bucket_over(e, p->now)) {
        uint64_t since = p->now - e[BUCKET_LAST];

        packets = bucket_refill(e[BUCKET_PACKETS], since, BUCKET_FULL_P);
        bytes = bucket_refill(e[BUCKET_BYTES], since, BUCKET_FULL_B);
    }
    enough = packets >= BUCKET_PACKET && bytes >= cost;
    if (enough) {
        packets -= BUCKET_PACKET;
        bytes -= cost;
    }
    if (!e)
        e = hand_insert(&h->table, bucket_shape, line, k->src, p->now, bucket_over, true);
    if (e) {
        e[BUCKET_PACKETS] = packets;
        e[BUCKET_BYTES] = bytes;
        e[BUCKET_LAST] = p->now;
    }
    return hand_count(h, p, enough ? 0 : 1, enough ? BEBA_VERDICT_PASS : BEBA_VERDICT_DROP);
}

static void hand_token_bucket(struct hand *h, struct beba_packet *const *packet,
                              hand_verdict *verdict)
{
    struct hand_headers k[HAND_BATCH];
    uint32_t line[HAND_BATCH];
    bool has[HAND_BATCH];

    for (unsigned i = 0; i < HAND_BATCH; i++) {
        has[i] = hand_parse(packet[i], &k[i]);
        if (has[i])
            line[i] = hand_prefetch(&h->table, k[i].src, 2);
    }
    for (unsigned i = 0; i < HAND_BATCH; i++)
        verdict[i] = has[i] ? bucket(h, packet[i], &k[i], line[i])
                            : hand_count(h, packet[i], 2, BEBA_VERDICT_PASS);
}

/* Connection tracking: bench/tcp_states.xfsm -------------------------------------------------- */

enum {
    CT_NONE,
    CT_SYN_SENT,
    CT_SYN_RECEIVED,
    CT_ESTABLISHED,
    CT_F_CLOSED,
    CT_B_CLOSED,
    CT_LAST_ACK,
    CT_TIME_WAIT,
    CT_RESET
};
enum { CT_STATE = 5, CT_USED, CT_ENTERED }; /* bit 8 of the state word: made by the larger end */
enum { CT_FIN = 1, CT_SYN = 2, CT_RST = 4, CT_ACK = 16 };
static const struct hand_shape ct_shape = {.words = 8, .key = 5, .time = CT_USED, .ways = 1};

struct ct_key {
    uint64_t word[5];
    bool swapped; /* the larger end sends */
    uint8_t proto, flags;
};

HAND_INLINE bool ct_over(const uint64_t *e, uint64_t now)
{
    static const uint32_t idle[] = {
        [CT_SYN_SENT] = 120, [CT_SYN_RECEIVED] = 60, [CT_ESTABLISHED] = 432000,
        [CT_F_CLOSED] = 120, [CT_B_CLOSED] = 120,    [CT_LAST_ACK] = 30};
    uint64_t state = e[CT_STATE] & 255;

    if (state == CT_NONE)
        return true;
    if (state <= CT_LAST_ACK)
        return now - e[CT_USED] >= idle[state] * HAND_SECOND;
    return now - e[CT_ENTERED] >= (state == CT_TIME_WAIT ? 120 : 10) * HAND_SECOND;
}

HAND_INLINE void ct_make_key(const struct hand_headers *h, struct ct_key *k)
{
    k->swapped = h->src[1] != h->dst[1]   ? h->src[1] > h->dst[1]
                 : h->src[0] != h->dst[0] ? h->src[0] > h->dst[0]
                                          : h->sport > h->dport;
    memcpy(k->word, k->swapped ? h->dst : h->src, 16);
    memcpy(k->word + 2, k->swapped ? h->src : h->dst, 16);
    k->word[4] = (uint64_t)h->proto << 32 | (k->swapped ? (uint32_t)h->dport << 16 | h->sport
                                                        : (uint32_t)h->sport << 16 | h->dport);
    k->proto = h->proto;
    k->flags = h->flags;
}

/* The next state, the rule, whether it passes. */
HAND_INLINE unsigned ct_step(unsigned state, unsigned flags, bool forward, unsigned *rule,
                             bool *pass)
{
    bool syn = flags & CT_SYN, ack = flags & CT_ACK, fin = flags & CT_FIN, rst = flags & CT_RST;

    *pass = true;
    switch (state) {
    case CT_ESTABLISHED:
        *rule = 0;
        if (!fin && !rst)
            return state;
        *rule = rst ? 1 : forward ? 2 : 3;
        return rst ? CT_RESET : forward ? CT_F_CLOSED : CT_B_CLOSED;
    case CT_NONE:
        *pass = syn && !ack;
        *rule = *pass ? 4 : 5;
        return *pass ? CT_SYN_SENT : CT_NONE;
    case CT_SYN_SENT:
        *pass = forward ? syn : (syn && ack) || rst;
        *rule = 6 + (unsigned)(forward ? 2 : !(syn && ack)) + (*pass ? 0 : 1);
        if (forward || !*pass)
            return state;
        return syn && ack ? CT_SYN_RECEIVED : CT_RESET;
    case CT_SYN_RECEIVED:
        *rule = 10;
        if (rst)
            return CT_RESET;
        *rule = forward && fin ? 11 : forward && ack && !syn ? 12 : 13;
        return *rule == 11 ? CT_F_CLOSED : *rule == 12 ? CT_ESTABLISHED : state;
    case CT_F_CLOSED:
    case CT_B_CLOSED:
        *rule = rst ? 14 : 15;
        if (rst)
            return CT_RESET;
        return fin && forward == (state == CT_B_CLOSED) ? CT_LAST_ACK : state;
    case CT_LAST_ACK:
        *rule = rst ? 16 : fin ? 17 : 18;
        return rst ? CT_RESET : fin ? state : CT_TIME_WAIT;
    default:
        *rule = syn && !ack ? 19 : 20;
        return syn && !ack ? CT_SYN_SENT : state;
    }
}

HAND_INLINE hand_verdict connection(struct hand *h, const struct beba_packet *p,
                                    const struct ct_key *k, uint32_t line)
{
    uint64_t *e = hand_find(&h->table, ct_shape, line, k->word);
    unsigned state = CT_NONE, next, rule;
    bool swapped = k->swapped, pass;

    if (e && !ct_over(e, p->now)) {
        state = (unsigned)(e[CT_STATE] & 255);
        swapped = e[CT_STATE] >> 8 & 1;
    }
    next =
        ct_step(state, k->proto == IPPROTO_TCP ? k->flags : 0, swapped == k->swapped, &rule, &pass);
    if (!e && next != CT_NONE) {
        e = hand_insert(&h->table, ct_shape, line, k->word, p->now, ct_over, false);
        pass = e;
    }
    if (e) {
        e[CT_USED] = p->now;
        if (next != state) {
            e[CT_STATE] = next | (uint64_t)swapped << 8;
            e[CT_ENTERED] = p->now;
        }
    }
    return hand_count(h, p, rule, pass ? BEBA_VERDICT_PASS : BEBA_VERDICT_DROP);
}

static void hand_tcp_states(struct hand *h, struct beba_packet *const *packet,
                            hand_verdict *verdict)
{
    struct ct_key k[HAND_BATCH];
    uint32_t line[HAND_BATCH];
    bool has[HAND_BATCH];

    for (unsigned i = 0; i < HAND_BATCH; i++) {
        struct hand_headers headers;

        has[i] = hand_parse(packet[i], &headers) && headers.proto;
        if (has[i]) {
            ct_make_key(&headers, &k[i]);
            line[i] = hand_prefetch(&h->table, k[i].word, 5);
        }
    }
    for (unsigned i = 0; i < HAND_BATCH; i++)
        verdict[i] = has[i] ? connection(h, packet[i], &k[i], line[i])
                            : hand_count(h, packet[i], 21, BEBA_VERDICT_DROP);
}

/* MAC learning: examples/mac_learning.xfsm ---------------------------------------------------- */

enum { MAC_VALUE = 1 }; /* when it was entered, in 2^10 ns, above 16 bits of port */
static const struct hand_shape mac_shape = {.words = 2, .key = 1, .time = MAC_VALUE, .ways = 4};

HAND_INLINE bool mac_over(const uint64_t *e, uint64_t now)
{
    return (now >> 10) - (e[MAC_VALUE] >> 16) >= 300 * HAND_SECOND >> 10;
}

HAND_INLINE uint64_t mac_key(const uint8_t *address)
{
    uint64_t v = 0;

    memcpy(&v, address, 6);
    return v << 16 | 1;
}

HAND_INLINE hand_verdict mac(struct hand *h, const struct beba_packet *p, const uint64_t key[2],
                             const uint32_t line[2])
{
    uint64_t *to = hand_find(&h->table, mac_shape, line[0], key), *from;
    bool known = to && !mac_over(to, p->now);
    uint32_t port = known ? to[MAC_VALUE] & 0xffff : 0;

    if (!known && (key[0] & 0xf0ffffffffffffff) == 0x000000c280010001ull)
        return hand_count(h, p, 0, BEBA_VERDICT_DROP);
    if (p->data[6] & 1)
        return hand_count(h, p, known ? 1 : 2, BEBA_VERDICT_DROP);
    from = hand_find(&h->table, mac_shape, line[1], key + 1);
    if (!from)
        from = hand_insert(&h->table, mac_shape, line[1], key + 1, p->now, mac_over, true);
    if (from)
        from[MAC_VALUE] = p->now >> 10 << 16 | (p->in_port & 0xffff);
    if (!known)
        return hand_count(h, p, 3, BEBA_VERDICT_FLOOD);
    if (port == p->in_port)
        return hand_count(h, p, 4, BEBA_VERDICT_DROP);
    return hand_count(h, p, 5, BEBA_VERDICT_OUTPUT | port << 8);
}

static void hand_mac_learning(struct hand *h, struct beba_packet *const *packet,
                              hand_verdict *verdict)
{
    uint64_t key[HAND_BATCH][2];
    uint32_t line[HAND_BATCH][2];

    for (unsigned i = 0; i < HAND_BATCH; i++) {
        for (unsigned k = 0; k < 2 && packet[i]->len >= 14; k++) {
            key[i][k] = mac_key(packet[i]->data + 6 * k);
            line[i][k] = hand_prefetch(&h->table, &key[i][k], 1);
        }
    }
    for (unsigned i = 0; i < HAND_BATCH; i++)
        verdict[i] = packet[i]->len >= 14 ? mac(h, packet[i], key[i], line[i])
                                          : hand_count(h, packet[i], 6, BEBA_VERDICT_DROP);
}

#endif
