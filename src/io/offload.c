/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/offload.h"

#include "packet/bytes.h"
#include "packet/checksum.h"

#include <errno.h>

/* Headers of Linux before 6.2 lack it. */
enum { GSO_UDP_L4 = 5 };

enum { TCP_SUM = 16, UDP_SUM = 6, SCTP_SUM = 8 }; /* offset of the checksum says the protocol */

static int complete(struct beba_packet *p, uint32_t start, uint32_t offset)
{
    uint8_t *at = p->data + start;
    uint64_t sum;
    uint32_t crc;

    if (start + offset + (offset == SCTP_SUM ? 4u : 2u) > p->len)
        return -EINVAL;
    if (offset == SCTP_SUM) {
        beba_store32(at + offset, 0);
        crc = __builtin_bswap32(beba_crc32c(at, p->len - start));
        beba_store32(at + offset, crc);
        return 0;
    }
    sum = beba_sum_add(0, at, p->len - start);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum & 0xffff;
    beba_store16(at + offset, !sum && offset == UDP_SUM ? 0xffff : (uint16_t)sum);
    return 0;
}

/* A train, or one in a tunnel when the checksum is not of the headers found first. */
static int make_train(struct beba_packet *p, const struct virtio_net_hdr *hdr)
{
    struct beba_train t;
    uint8_t type = hdr->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    int rc;

    if (!hdr->gso_size || !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
        (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6 &&
         type != GSO_UDP_L4))
        return -EINVAL;
    p->segment = hdr->gso_size;
    rc = beba_train_look(p, &t);
    if (!rc && t.l4 == hdr->csum_start)
        return 0;
    if (hdr->csum_start < p->len && p->len - hdr->csum_start <= UINT16_MAX) {
        p->inner = (uint16_t)(p->len - hdr->csum_start);
        if (!beba_train_look(p, &t))
            return 0;
    }
    p->segment = p->inner = 0;
    return -EINVAL;
}

int beba_offload_finish(struct beba_packet *p, const struct virtio_net_hdr *hdr)
{
    if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
        return make_train(p, hdr);
    if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        return complete(p, hdr->csum_start, hdr->csum_offset);
    return 0;
}

enum { VXLAN = 4789, VXLAN_OLD = 8472, GENEVE = 6081, TUNNELS = 2 };

static void mend_ether(uint8_t *p, uint32_t len, unsigned depth);
static void mend_ip(uint8_t *p, uint32_t len, uint16_t type, unsigned depth);

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* len bytes from the transport header on; pseudo is the sum of its pseudo-header. */
static void mend_sum(uint8_t *p, uint32_t len, uint32_t offset, uint64_t pseudo)
{
    uint16_t at, sum;

    if (len < offset + 2)
        return;
    at = beba_load16(p + offset);
    if (at != fold(pseudo) || (!at && offset == UDP_SUM))
        return;
    sum = (uint16_t)~fold(beba_sum_add(0, p, len));
    beba_store16(p + offset, !sum && offset == UDP_SUM ? 0xffff : sum);
}

static void mend_gre(uint8_t *p, uint32_t len, unsigned depth)
{
    uint32_t at = 4;

    if (len < 4)
        return;
    for (unsigned bit = 0x80; bit >= 0x10; bit >>= 1) {
        if (p[0] & bit & 0xb0)
            at += 4;
    }
    if (len < at)
        return;
    if (beba_load16(p + 2) == 0x6558)
        mend_ether(p + at, len - at, depth);
    else
        mend_ip(p + at, len - at, beba_load16(p + 2), depth);
}

static void mend_udp(uint8_t *p, uint32_t len, uint64_t pseudo, unsigned depth)
{
    uint16_t to = len < 16 ? 0 : beba_load16(p + 2);
    uint32_t at = to == GENEVE ? 16 + (p[8] & 63u) * 4 : 16;

    if ((to == VXLAN || to == VXLAN_OLD || to == GENEVE) && at < len)
        mend_ether(p + at, len - at, depth);
    mend_sum(p, len, UDP_SUM, pseudo);
}

static void mend_transport(uint8_t *p, uint32_t len, uint8_t proto, uint64_t addresses,
                           unsigned depth)
{
    uint64_t pseudo = addresses + proto + len;

    switch (proto) {
    case 6:
        mend_sum(p, len, TCP_SUM, pseudo);
        break;
    case 17:
        mend_udp(p, len, pseudo, depth);
        break;
    case 132:
        if (len >= 12 && !beba_load32(p + SCTP_SUM))
            beba_store32(p + SCTP_SUM, __builtin_bswap32(beba_crc32c(p, len)));
        break;
    case 4:
        mend_ip(p, len, 0x0800, depth);
        break;
    case 41:
        mend_ip(p, len, 0x86dd, depth);
        break;
    case 47:
        mend_gre(p, len, depth);
        break;
    default:
        break;
    }
}

static void mend_ip4(uint8_t *p, uint32_t len, unsigned depth)
{
    uint32_t head = (p[0] & 15u) * 4, total;

    if (len < 20 || p[0] >> 4 != 4 || head < 20)
        return;
    total = beba_load16(p + 2);
    if (total < head || total > len || beba_load16(p + 6) & 0x3fff) /* fragments */
        return;
    mend_transport(p + head, total - head, p[9], beba_sum_add(0, p + 12, 8), depth);
}

/* Behind options for hops and the destination; other extensions' packets are left as they are. */
static void mend_ip6(uint8_t *p, uint32_t len, unsigned depth)
{
    uint32_t at = 40, end;
    uint8_t next;

    if (len < 40 || p[0] >> 4 != 6)
        return;
    end = 40u + beba_load16(p + 4);
    next = p[6];
    if (end > len)
        return;
    while ((next == 0 || next == 60) && at + 8 <= end) {
        next = p[at];
        at += (p[at + 1] + 1u) * 8;
    }
    if (at < end)
        mend_transport(p + at, end - at, next, beba_sum_add(0, p + 8, 32), depth);
}

static void mend_ip(uint8_t *p, uint32_t len, uint16_t type, unsigned depth)
{
    if (depth++ == TUNNELS)
        return;
    if (type == 0x0800 && len)
        mend_ip4(p, len, depth);
    else if (type == 0x86dd && len)
        mend_ip6(p, len, depth);
}

static void mend_ether(uint8_t *p, uint32_t len, unsigned depth)
{
    uint32_t at = 12;

    while (at + 6 <= len && (beba_load16(p + at) == 0x8100 || beba_load16(p + at) == 0x88a8))
        at += 4;
    if (at + 2 <= len)
        mend_ip(p + at + 2, len - at - 2, beba_load16(p + at), depth);
}

void beba_offload_mend(struct beba_packet *p)
{
    mend_ether(p->data, p->len, 0);
}

void beba_offload_tag(struct beba_packet *p, uint16_t tpid, uint16_t tci)
{
    memmove(p->data - 4, p->data, 12);
    p->data -= 4;
    beba_store16(p->data + 12, tpid);
    beba_store16(p->data + 14, tci);
    p->len += 4;
    p->wire_len += 4;
    p->headroom -= 4;
}

void beba_offload_train(const struct beba_train *t, struct virtio_net_hdr *hdr)
{
    memset(hdr, 0, sizeof(*hdr));
    hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    hdr->csum_start = (uint16_t)t->l4;
    hdr->csum_offset = t->tcp ? TCP_SUM : UDP_SUM;
    if (t->n < 2)
        return;
    hdr->hdr_len = (uint16_t)t->headers;
    hdr->gso_size = t->packet->segment;
    if (!t->tcp)
        hdr->gso_type = GSO_UDP_L4;
    else
        hdr->gso_type = t->ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    if (t->tcp && t->packet->data[t->l4 + 13] & 0x80)
        hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
}
