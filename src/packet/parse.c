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

enum { IP_AT = 14, L4_AT = IP_AT + 20 };

BEBA_INLINE bool whole_tcp(const uint8_t *data, struct beba_headers *h, uint32_t end)
{
    uint32_t len = (data[L4_AT + 12] >> 4) * 4u;

    if (len < 20 || L4_AT + len > end)
        return false;
    h->layers = BEBA_BIT(TCP);
    h->offset[BEBA_LAYER_TCP] = L4_AT;
    h->payload = (uint16_t)(L4_AT + len);
    return true;
}

BEBA_INLINE bool whole_udp(const uint8_t *data, struct beba_headers *h, uint32_t end)
{
    uint32_t len = beba_load16(data + L4_AT + 4), dst = beba_load16(data + L4_AT + 2);

    if (len < 8 || L4_AT + len > end || dst == BEBA_PORT_VXLAN || dst == BEBA_PORT_GTPU)
        return false;
    h->layers = BEBA_BIT(UDP);
    h->offset[BEBA_LAYER_UDP] = L4_AT;
    h->payload = L4_AT + 8;
    return true;
}

/* Nearly all frames: TCP or UDP over IPv4 over Ethernet, with no tags, options, tunnels or flaws,
 * and all there. What the walk finds in those, by fewer looks; false, and to be walked, of others.
 */
BEBA_INLINE bool parse_plain(const uint8_t *data, struct beba_headers *h, uint32_t len)
{
    uint32_t end;
    uint8_t proto;

    if (len < L4_AT + 20 || beba_load16(data + 12) != BEBA_ETH_IP4 || data[IP_AT] != 0x45)
        return false;
    end = IP_AT + beba_load16(data + IP_AT + 2);
    proto = data[IP_AT + 9];
    if (end < L4_AT || end > beba_walk_min(len, BEBA_PACKET_MAX) ||
        beba_load16(data + IP_AT + 6) & 0x3fff)
        return false;
    if (!(proto == BEBA_IP_TCP   ? whole_tcp(data, h, end)
          : proto == BEBA_IP_UDP ? whole_udp(data, h, end)
                                 : false))
        return false;
    h->layers |= BEBA_BIT(META) | BEBA_BIT(ETH) | BEBA_BIT(IP4) | BEBA_BIT(IP) | BEBA_BIT(L4);
    h->flaws = 0;
    h->ether_type = BEBA_ETH_IP4;
    h->ip_proto = proto;
    h->n_vlan = h->n_mpls = 0;
    h->offset[BEBA_LAYER_ETH] = 0;
    h->offset[BEBA_LAYER_IP4] = h->offset[BEBA_LAYER_IP] = IP_AT;
    h->offset[BEBA_LAYER_L4] = L4_AT;
    h->l3_end = (uint16_t)end;
    return true;
}

void beba_packet_parse(struct beba_packet *p)
{
    struct beba_headers *h = &p->h;
    struct beba_walk w;

    if (__builtin_expect(p->link == BEBA_LINK_ETHERNET, 1) && parse_plain(p->data, h, p->len))
        return;
    beba_walk_begin(h, &w, p->len, p->wire_len);
    if (__builtin_expect(p->link == BEBA_LINK_ETHERNET, 1))
        beba_walk_ethernet(p->data, h, &w, BEBA_WALK_COMPLETE);
    else
        other_link(p->data, h, &w, (enum beba_link)p->link);
    beba_walk_end(h, &w);
}
