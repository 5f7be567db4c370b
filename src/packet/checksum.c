/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/checksum.h"

uint64_t beba_sum_add(uint64_t sum, const uint8_t *at, size_t n)
{
    for (; n >= 4; n -= 4, at += 4)
        sum += beba_load32(at);
    if (n >= 2) {
        sum += beba_load16(at);
        n -= 2;
        at += 2;
    }
    if (n)
        sum += (uint64_t)at[0] << 8;
    return sum;
}

uint32_t beba_crc32c(const uint8_t *at, size_t n)
{
    uint32_t crc = ~0u;

    while (n--)
        crc = beba_crc32c_byte(crc, *at++);
    return ~crc;
}

/* Sum over pseudo-header and datagram with its checksum, len bytes from at. */
static uint64_t transport_sum(const struct beba_packet *p, uint32_t at, uint32_t len)
{
    const uint8_t *ip = p->data + p->h.offset[BEBA_LAYER_IP];
    uint64_t sum = 0;

    if (!beba_packet_has(p, BEBA_LAYER_ICMP)) {
        sum = len + (uint64_t)p->h.ip_proto;
        if (beba_packet_has(p, BEBA_LAYER_IP4))
            sum = beba_sum_add(sum, ip + 12, 8);
        else
            sum = beba_sum_add(sum, ip + 8, 32);
    }
    return beba_sum_add(sum, p->data + at, len);
}

/* The datagram that the transport checksum covers; false where that cannot be told. */
static bool transport_span(const struct beba_packet *p, uint32_t *at, uint32_t *len)
{
    uint32_t csum;
    enum beba_layer layer = beba_change_transport(&p->h, &csum);

    if (layer == BEBA_LAYER_META || !beba_change_whole(p->data, &p->h) ||
        beba_change_routed(p->data, &p->h))
        return false;
    *at = p->h.offset[layer];
    *len = p->h.l3_end - *at;
    if (layer == BEBA_LAYER_UDP) {
        uint32_t told = beba_load16(p->data + *at + 4);
        if (told > *len)
            return false;
        *len = told;
    }
    return true;
}

static bool ip4_span(const struct beba_packet *p, uint32_t *at, uint32_t *len)
{
    if (!beba_packet_has(p, BEBA_LAYER_IP4))
        return false;
    *at = p->h.offset[BEBA_LAYER_IP4];
    *len = (p->data[*at] & 15u) * 4;
    return *at + *len <= p->h.l3_end;
}

unsigned beba_packet_checksums(const struct beba_packet *p, unsigned *present)
{
    uint32_t at, len;
    unsigned wrong = 0;

    *present = 0;
    if (ip4_span(p, &at, &len)) {
        *present |= 1;
        wrong |= beba_sum_fold(beba_sum_add(0, p->data + at, len)) != 0xffff ? 1 : 0;
    }
    if (beba_packet_has(p, BEBA_LAYER_SCTP)) {
        if (beba_change_whole(p->data, &p->h)) {
            *present |= 2;
            at = p->h.offset[BEBA_LAYER_SCTP];
            wrong |= beba_load32(p->data + at + 8) != beba_change_sctp_crc(p->data, &p->h) ? 2 : 0;
        }
        return wrong;
    }
    if (!transport_span(p, &at, &len))
        return wrong;
    if (beba_packet_has(p, BEBA_LAYER_UDP) && !beba_load16(p->data + at + 6))
        return wrong;
    *present |= 2;
    wrong |= beba_sum_fold(transport_sum(p, at, len)) != 0xffff ? 2 : 0;
    return wrong;
}

void beba_packet_checksums_set(struct beba_packet *p)
{
    uint32_t at, len;

    if (ip4_span(p, &at, &len)) {
        beba_store16(p->data + at + 10, 0);
        beba_store16(p->data + at + 10,
                     (uint16_t)~beba_sum_fold(beba_sum_add(0, p->data + at, len)));
    }
    if (beba_packet_has(p, BEBA_LAYER_SCTP) && beba_change_whole(p->data, &p->h)) {
        at = p->h.offset[BEBA_LAYER_SCTP];
        beba_store32(p->data + at + 8, beba_change_sctp_crc(p->data, &p->h));
    } else if (transport_span(p, &at, &len)) {
        uint32_t csum_at;
        uint16_t csum;
        beba_change_transport(&p->h, &csum_at);
        beba_store16(p->data + csum_at, 0);
        csum = (uint16_t)~beba_sum_fold(transport_sum(p, at, len));
        if (!csum && beba_packet_has(p, BEBA_LAYER_UDP))
            csum = 0xffff;
        beba_store16(p->data + csum_at, csum);
    }
}
