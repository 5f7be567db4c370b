/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/segment.h"

#include "packet/bytes.h"
#include "packet/checksum.h"

#include <errno.h>

enum {
    ETH_IP4 = 0x0800,
    ETH_IP6 = 0x86dd,
    ETH_MPLS = 0x8847,
    ETH_MPLS_UP = 0x8848,
    ETH_PBB = 0x88e7,
    IP_TCP = 6,
    IP_UDP = 17,
    IP_IP4 = 4,
    IP_IP6 = 41,
    IP_GRE = 47,
    TCP_FIN_PSH = 0x09,
    TCP_CWR = 0x80,
};

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Where the IP header is, behind tags, labels and a provider's addresses; 0 when there is none.
 * Not by the parser, which sees nothing behind the first label. */
static uint32_t find_ip(const struct beba_packet *p, bool *tagged_only)
{
    uint32_t at = 12;

    *tagged_only = true;
    while (at + 2 <= p->len) {
        uint16_t type = beba_load16(p->data + at);

        at += 2;
        switch (type) {
        case ETH_IP4:
        case ETH_IP6:
            return at;
        case 0x8100:
        case 0x88a8:
        case 0x9100:
            at += 2;
            break;
        case ETH_PBB:
            *tagged_only = false;
            at += 4 + 12;
            break;
        case ETH_MPLS:
        case ETH_MPLS_UP:
            *tagged_only = false;
            while (at + 4 <= p->len && !(p->data[at + 2] & 1))
                at += 4;
            return at + 4;
        default:
            return 0;
        }
    }
    return 0;
}

/* Extension headers that may stand before TCP or UDP in a train; 0 when there is another. */
static uint32_t skip_ip6(const struct beba_packet *p, uint32_t at, uint8_t *proto)
{
    *proto = p->data[at + 6];
    at += 40;
    while (*proto == 0 || *proto == 43 || *proto == 60) {
        if (at + 8 > p->len)
            return 0;
        *proto = p->data[at];
        at += (p->data[at + 1] + 1u) * 8;
    }
    return at;
}

/* The end of what the IP header at ip says, 0 when it is none or a fragment's; *proto and *next
 * (what is behind it, 0 when that cannot be told). */
static uint32_t look_ip(const struct beba_packet *p, uint32_t ip, uint8_t *proto, uint32_t *next)
{
    const uint8_t *at = p->data + ip;

    if (ip + 20 > p->len)
        return 0;
    if (at[0] >> 4 == 6) {
        if (ip + 40 > p->len)
            return 0;
        *next = skip_ip6(p, ip, proto);
        return ip + 40 + beba_load16(at + 4);
    }
    if (at[0] >> 4 != 4 || (at[0] & 15) < 5 || beba_load16(at + 6) & 0x3fff)
        return 0;
    *next = ip + (at[0] & 15u) * 4;
    *proto = at[9];
    return ip + beba_load16(at + 2);
}

/* The IP header in the tunnel: the one without options whose length ends where the packet does. */
static bool look_inside(const struct beba_packet *p, struct beba_train *t)
{
    uint32_t l4 = p->len - p->inner, from, end;
    uint8_t proto;

    t->outer = t->ip;
    t->plain = false;
    end = look_ip(p, t->outer, &proto, &t->carrier);
    if (p->inner > p->len || end != p->len || !t->carrier)
        return false;
    t->udp = proto == IP_UDP;
    switch (proto) {
    case IP_UDP:
        from = t->carrier + 8;
        break;
    case IP_GRE: /* numbered ones (S) cannot be cut */
        from = t->carrier + 4;
        if (from > p->len || p->data[t->carrier] & 0x10)
            return false;
        from += p->data[t->carrier] & 0x80 ? 4 : 0;
        break;
    case IP_IP4:
    case IP_IP6:
        from = t->carrier;
        t->carrier = 0;
        break;
    default:
        return false;
    }
    if (l4 >= from + 40 && p->data[l4 - 40] >> 4 == 6 && beba_load16(p->data + l4 - 36) == p->inner)
        t->ip = l4 - 40;
    else if (l4 >= from + 20 && p->data[l4 - 20] == 0x45 &&
             beba_load16(p->data + l4 - 18) == p->inner + 20)
        t->ip = l4 - 20;
    else
        return false;
    return true;
}

int beba_train_look(const struct beba_packet *p, struct beba_train *out)
{
    struct beba_train t = {.packet = p};
    uint32_t end, l4_size;
    uint8_t proto;

    t.ip = p->segment && p->link == BEBA_LINK_ETHERNET ? find_ip(p, &t.plain) : 0;
    if (!t.ip || (p->inner && !look_inside(p, &t)))
        return -EINVAL;
    end = look_ip(p, t.ip, &proto, &t.l4);
    if (!end || !t.l4)
        return -EINVAL;
    t.ip6 = p->data[t.ip] >> 4 == 6;
    t.tcp = proto == IP_TCP;
    l4_size = t.tcp ? 20 : 8;
    if ((!t.tcp && proto != IP_UDP) || t.l4 + l4_size > p->len)
        return -EINVAL;
    t.headers = t.l4 + (t.tcp ? (p->data[t.l4 + 12] >> 4) * 4u : 8);
    if (t.headers < t.l4 + l4_size || end > p->len || t.headers > end)
        return -EINVAL;
    t.payload = end - t.headers;
    t.n = t.payload ? (t.payload + p->segment - 1) / p->segment : 1;
    *out = t;
    return 0;
}

static uint64_t pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
    uint64_t sum = (uint64_t)len + proto;

    return ip[0] >> 4 == 6 ? beba_sum_add(sum, ip + 8, 32) : beba_sum_add(sum, ip + 12, 8);
}

static uint8_t protocol(const struct beba_train *t)
{
    return t->tcp ? IP_TCP : IP_UDP;
}

uint16_t beba_train_pseudo(const struct beba_train *t)
{
    return fold(pseudo(t->packet->data + t->ip, protocol(t), t->headers - t->l4 + t->payload));
}

/* Length, identification and checksum of the IP header of segment i, which ends at end. */
static void put_ip(uint8_t *ip, const uint8_t *end, uint32_t i)
{
    uint32_t header = (ip[0] & 15u) * 4;

    if (ip[0] >> 4 == 6) {
        beba_store16(ip + 4, (uint16_t)(end - ip - 40));
        return;
    }
    beba_store16(ip + 2, (uint16_t)(end - ip));
    beba_store16(ip + 4, (uint16_t)(beba_load16(ip + 4) + i));
    beba_store16(ip + 10, 0);
    beba_store16(ip + 10, (uint16_t)~fold(beba_sum_add(0, ip, header)));
}

/* The tunnel's own headers; checksums where it has them. */
static void put_outer(const struct beba_train *t, uint8_t *out, uint32_t len, uint32_t i)
{
    uint8_t *ip = out + t->outer, *at = out + t->carrier;
    uint32_t n = len - t->carrier;
    bool udp = t->udp;
    uint16_t sum;

    put_ip(ip, out + len, i);
    if (!t->carrier)
        return;
    if (udp)
        beba_store16(at + 4, (uint16_t)n);
    if (udp ? !beba_load16(at + 6) : !(at[0] & 0x80))
        return;
    beba_store16(at + (udp ? 6 : 4), 0);
    sum = (uint16_t)~fold(beba_sum_add(udp ? pseudo(ip, IP_UDP, n) : 0, at, n));
    beba_store16(at + (udp ? 6 : 4), !sum && udp ? 0xffff : sum);
}

uint32_t beba_train_cut(const struct beba_train *t, uint32_t i, uint8_t *out, size_t size)
{
    uint32_t from = i * t->packet->segment, left = t->payload - from, n, len, l4_len;
    uint8_t *ip = out + t->ip, *l4 = out + t->l4;
    uint32_t sum_at = t->tcp ? 16 : 6;
    uint16_t sum;

    n = left < t->packet->segment ? left : t->packet->segment;
    len = t->headers + n;
    if (len > size)
        return 0;
    memcpy(out, t->packet->data, t->headers);
    memcpy(out + t->headers, t->packet->data + t->headers + from, n);
    l4_len = len - t->l4;
    put_ip(ip, out + len, i);
    if (t->tcp) {
        beba_store32(l4 + 4, beba_load32(l4 + 4) + from);
        if (i)
            l4[13] &= (uint8_t)~TCP_CWR;
        if (i + 1 < t->n)
            l4[13] &= (uint8_t)~TCP_FIN_PSH;
    } else {
        beba_store16(l4 + 4, (uint16_t)l4_len);
    }
    beba_store16(l4 + sum_at, 0);
    sum = (uint16_t)~fold(beba_sum_add(pseudo(ip, protocol(t), l4_len), l4, l4_len));
    beba_store16(l4 + sum_at, !sum && !t->tcp ? 0xffff : sum);
    if (t->outer)
        put_outer(t, out, len, i);
    return len;
}
