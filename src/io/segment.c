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

int beba_train_look(const struct beba_packet *p, struct beba_train *out)
{
    struct beba_train t = {.packet = p};
    uint32_t end;
    uint8_t proto;

    t.ip = p->segment && p->link == BEBA_LINK_ETHERNET ? find_ip(p, &t.plain) : 0;
    if (!t.ip || t.ip + 20 > p->len)
        return -EINVAL;
    t.ip6 = p->data[t.ip] >> 4 == 6;
    if (t.ip6) {
        if (t.ip + 40 > p->len)
            return -EINVAL;
        end = t.ip + 40 + beba_load16(p->data + t.ip + 4);
        t.l4 = skip_ip6(p, t.ip, &proto);
    } else {
        if (p->data[t.ip] >> 4 != 4 || (p->data[t.ip] & 15) < 5 ||
            beba_load16(p->data + t.ip + 6) & 0x3fff)
            return -EINVAL;
        end = t.ip + beba_load16(p->data + t.ip + 2);
        t.l4 = t.ip + (p->data[t.ip] & 15u) * 4;
        proto = p->data[t.ip + 9];
    }
    t.tcp = proto == IP_TCP;
    if (!t.l4 || (!t.tcp && proto != IP_UDP) || t.l4 + (t.tcp ? 20 : 8) > p->len)
        return -EINVAL;
    t.headers = t.l4 + (t.tcp ? (p->data[t.l4 + 12] >> 4) * 4u : 8);
    if (t.headers < t.l4 + (t.tcp ? 20 : 8) || end > p->len || t.headers > end)
        return -EINVAL;
    t.payload = end - t.headers;
    t.n = t.payload ? (t.payload + p->segment - 1) / p->segment : 1;
    *out = t;
    return 0;
}

static uint64_t pseudo(const struct beba_train *t, uint32_t len)
{
    const uint8_t *ip = t->packet->data + t->ip;
    uint64_t sum = (uint64_t)len + (t->tcp ? IP_TCP : IP_UDP);

    return t->ip6 ? beba_sum_add(sum, ip + 8, 32) : beba_sum_add(sum, ip + 12, 8);
}

uint16_t beba_train_pseudo(const struct beba_train *t)
{
    return fold(pseudo(t, t->headers - t->l4 + t->payload));
}

uint32_t beba_train_cut(const struct beba_train *t, uint32_t i, uint8_t *out, size_t size)
{
    uint32_t from = i * t->packet->segment, left = t->payload - from, len, l4_len;
    uint8_t *ip = out + t->ip, *l4 = out + t->l4;
    uint32_t sum_at = t->tcp ? 16 : 6;
    uint16_t sum;

    len = left < t->packet->segment ? left : t->packet->segment;
    if ((size_t)t->headers + len > size)
        return 0;
    memcpy(out, t->packet->data, t->headers);
    memcpy(out + t->headers, t->packet->data + t->headers + from, len);
    l4_len = t->headers - t->l4 + len;
    if (t->ip6) {
        beba_store16(ip + 4, (uint16_t)(t->l4 - t->ip - 40 + l4_len));
    } else {
        beba_store16(ip + 2, (uint16_t)(t->l4 - t->ip + l4_len));
        beba_store16(ip + 4, (uint16_t)(beba_load16(ip + 4) + i));
        beba_store16(ip + 10, 0);
        beba_store16(ip + 10, (uint16_t)~fold(beba_sum_add(0, ip, t->l4 - t->ip)));
    }
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
    sum = (uint16_t)~fold(beba_sum_add(pseudo(t, l4_len), l4, l4_len));
    beba_store16(l4 + sum_at, !sum && !t->tcp ? 0xffff : sum);
    return t->headers + len;
}
