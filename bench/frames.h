/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* 64-byte frames of the programs of native_bench: those that bring every flow to where it is
 * measured, those that are measured, and those that open a new flow. */
#ifndef BEBA_BENCH_FRAMES_H
#define BEBA_BENCH_FRAMES_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

enum {
    FRAME = 64,
    CLIENTS = 20 << 24, /* addresses of clients start at 20.0.0.0 */
    SERVERS = (int)(192u << 24 | 168 << 16 | 1),
    PORTS = 4,
};

enum { FLAG_SYN = 2, FLAG_PSH = 8, FLAG_ACK = 16 };

struct tuple {
    uint32_t src, dst;
    uint16_t sport, dport;
    uint8_t proto, flags;
};

static void put_16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put_32(uint8_t *p, uint32_t v)
{
    put_16(p, v >> 16);
    put_16(p + 2, v);
}

static void put_mac(uint8_t *p, uint32_t v)
{
    p[0] = 2;
    p[1] = 0;
    put_32(p + 2, v);
}

static void put_frame(uint8_t *f, const struct tuple *t)
{
    static const uint8_t start[54] = {2, 0, 0,    0, 0, 1,          2, 0, 0, 0, 0, 2,
                                      8, 0, 0x45, 0, 0, FRAME - 14, 0, 1, 0, 0, 64};

    memset(f, 0, FRAME);
    memcpy(f, start, sizeof(start));
    f[23] = t->proto;
    put_32(f + 26, t->src);
    put_32(f + 30, t->dst);
    put_16(f + 34, t->sport);
    put_16(f + 36, t->dport);
    if (t->proto == IPPROTO_UDP) {
        put_16(f + 38, FRAME - 34);
    } else {
        put_32(f + 38, 1000);
        put_32(f + 42, t->flags & FLAG_ACK ? 1000 : 0);
        f[46] = 0x50;
        f[47] = t->flags;
        put_16(f + 48, 8192);
    }
}

/* Steps: 0, 1, ... set a flow up; these two are what comes after. */
enum { STEADY = -1, NEW = -2 };

/* Writes the frame, and the port it comes in by; dice: random bits; other: another flow. */
typedef void (*frame_fn)(uint8_t *f, uint32_t flow, int step, uint64_t dice, uint32_t other,
                         uint32_t *in_port);

/* Hosts that have knocked and use SSH; new ones knock for the first time. */
static void knocking_frame(uint8_t *f, uint32_t flow, int step, uint64_t dice, uint32_t other,
                           uint32_t *in_port)
{
    struct tuple t = {CLIENTS + flow, 10u << 24 | 100, 1234, 22, IPPROTO_TCP, FLAG_ACK};

    (void)dice;
    (void)other;
    if (step != STEADY) {
        t.proto = IPPROTO_UDP;
        t.dport = (uint16_t)(step == NEW ? 1111 : 1111 * (step + 1));
    }
    put_frame(f, &t);
    *in_port = 1;
}

static void source_frame(uint8_t *f, uint32_t flow, int step, uint64_t dice, uint32_t other,
                         uint32_t *in_port)
{
    struct tuple t = {CLIENTS + flow, 10u << 24 | 100, 1234, 80, IPPROTO_UDP, 0};

    (void)step;
    (void)dice;
    (void)other;
    put_frame(f, &t);
    *in_port = 1;
}

/* Established connections, data either way; new ones open. */
static void connection_frame(uint8_t *f, uint32_t flow, int step, uint64_t dice, uint32_t other,
                             uint32_t *in_port)
{
    struct tuple t = {CLIENTS + flow, (uint32_t)SERVERS, (uint16_t)(1024 + flow % 60000), 80,
                      IPPROTO_TCP,    FLAG_ACK};
    bool back = step == 1 || (step == STEADY && dice & 1);

    (void)other;
    if (step == STEADY)
        t.flags |= FLAG_PSH;
    else
        t.flags = step == 0 || step == NEW ? FLAG_SYN : step == 1 ? FLAG_SYN | FLAG_ACK : FLAG_ACK;
    if (back)
        t = (struct tuple){t.dst, t.src, t.dport, t.sport, t.proto, t.flags};
    put_frame(f, &t);
    *in_port = back ? 2 : 1;
}

/* Stations at ports, each sending to another; new ones send to one that is known. */
static void station_frame(uint8_t *f, uint32_t flow, int step, uint64_t dice, uint32_t other,
                          uint32_t *in_port)
{
    source_frame(f, flow, step, dice, other, in_port);
    put_mac(f, other);
    put_mac(f + 6, flow);
    *in_port = 1 + flow % PORTS;
}

/* Four tables: the source, the destination, and both with a port. */
static void chain_frame(uint8_t *f, uint32_t flow, int step, uint64_t dice, uint32_t other,
                        uint32_t *in_port)
{
    struct tuple t = {
        CLIENTS + flow, 0x40000000u + flow, (uint16_t)(1024 + flow % 60000), 80, IPPROTO_UDP, 0};

    (void)step;
    (void)dice;
    (void)other;
    put_frame(f, &t);
    *in_port = 1;
}

#endif
