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
