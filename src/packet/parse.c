/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/packet.h"

#include "packet/walk.h"

/* Linux cooked captures (LINKTYPE_LINUX_SLL, _SLL2): the protocol is an EtherType for devices that
 * have those, and then whatever would follow it on Ethernet comes after the cooked header. */
static void cooked(beba_view v, struct beba_headers *h, struct beba_walk *w, uint32_t proto_at,
                   uint32_t arp_type_at, uint32_t size)
{
    uint16_t proto, hw;

    if (!walk_fits(w, 0, size))
        return;
    walk_payload(h, w, size);
    proto = beba_view16(v, proto_at);
    hw = beba_view16(v, arp_type_at);
    if (hw == 824 || hw == 778 || proto < BEBA_ETH_MIN) /* netlink, GRE; not EtherTypes */
        return;
    beba_walk_typed(v, h, w, proto, size);
}

static void other_link(beba_view v, struct beba_headers *h, struct beba_walk *w,
                       enum beba_link link)
{
    if (link == BEBA_LINK_SLL) {
        cooked(v, h, w, 14, 2, 16);
    } else if (link == BEBA_LINK_SLL2) {
        cooked(v, h, w, 0, 8, 20);
    } else if (walk_fits(w, 0, 1)) {
        uint8_t version = v[0] >> 4;
        if (version == 4 || version == 6)
            h->ether_type = version == 4 ? BEBA_ETH_IP4 : BEBA_ETH_IP6;
        else
            w->flaws |= BEBA_FLAW_BAD_VERSION;
        beba_walk_all_ip(v, h, w, version, 0);
    }
}

void beba_packet_parse(struct beba_packet *p)
{
    struct beba_headers *h = &p->h;
    struct beba_walk w;

    beba_walk_begin(h, &w, p->len, p->wire_len);
    if (__builtin_expect(p->link == BEBA_LINK_ETHERNET, 1))
        beba_walk_ethernet(p->data, h, &w, BEBA_WALK_COMPLETE);
    else
        other_link(p->data, h, &w, (enum beba_link)p->link);
    beba_walk_end(h, &w);
}
