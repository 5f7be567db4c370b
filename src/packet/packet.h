/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet: bytes in the caller's buffer, metadata, and what the parser found.
 *
 * Memory is the caller's; nothing here allocates, blocks or keeps pointers. One packet belongs to
 * one thread at a time. The parser never reads past data + len; editing may use head- and tailroom.
 */
#ifndef BEBA_PACKET_PACKET_H
#define BEBA_PACKET_PACKET_H

#include "packet/field.h"

struct beba_packet {
    uint8_t *data;     /* first byte */
    uint32_t len;      /* captured bytes at data */
    uint32_t wire_len; /* bytes the packet had on the wire, >= len */
    uint32_t headroom; /* writable bytes before data */
    uint32_t tailroom; /* writable bytes after data + len */
    uint8_t link;      /* enum beba_link */
    uint16_t segment;  /* > 0: a train of segments with so many bytes of payload (io/segment.h) */
    uint16_t inner;    /* of a train in a tunnel: bytes from its own TCP or UDP header on */
    uint64_t now;      /* ns; the same for the whole life of the packet */
    uint64_t metadata; /* OpenFlow's 64-bit pipeline word */
    uint64_t tunnel_id;
    uint32_t in_port, in_phy_port;
    uint32_t queue;
    struct beba_headers h;
};

/* Finds the headers; fills p->h. Never fails: a broken packet has fewer layers and flaws set. */
void beba_packet_parse(struct beba_packet *p);

BEBA_INLINE bool beba_packet_has(const struct beba_packet *p, enum beba_layer layer)
{
    return p->h.layers >> layer & 1;
}

/* True when the packet has the field (its layer, and what makes the field exist in it). */
bool beba_field_present(const struct beba_packet *p, enum beba_field_id id);
/* Reads a field. False, and *out = 0, when the packet lacks it. _read is for widths up to 64. */
bool beba_field_read(const struct beba_packet *p, enum beba_field_id id, uint64_t *out);
bool beba_field_read_wide(const struct beba_packet *p, enum beba_field_id id,
                          struct beba_u128 *out);
/* Writes a field, truncated to its width. Checksums follow (RFC 1624, equation 3): IPv4 header,
 * TCP, UDP, ICMP, ICMPv6, GRE, and SCTP's where the whole datagram is here. Wrong ones stay wrong;
 * a UDP checksum of zero stays zero; where a source route has hops left, the destination is not
 * covered. After a structural field (eth.type, ip.proto, ...) the packet is parsed again. False,
 * and nothing done, when the packet lacks it, it is read-only, or the address is of the other IP
 * version. */
bool beba_field_write(struct beba_packet *p, enum beba_field_id id, struct beba_u128 v);

/* Editing. 0, -ENOBUFS (no head- or tailroom), -EINVAL (no such layer, not Ethernet, a type that is
 * none of VLAN's or MPLS's). Tags and labels go right behind the Ethernet addresses, before all
 * others (OpenFlow 1.3.5, section 5.12); a pop takes the outermost, and ethertype says what is now
 * behind. */
int beba_packet_push_vlan(struct beba_packet *p, uint16_t tpid, uint16_t tci);
int beba_packet_pop_vlan(struct beba_packet *p);
int beba_packet_push_mpls(struct beba_packet *p, uint16_t ethertype, uint32_t label, uint8_t ttl);
int beba_packet_pop_mpls(struct beba_packet *p, uint16_t ethertype);
/* The I-TAG of 802.1ah: a push makes the frame the customer's behind it, with the same addresses
 * outside and the service of an I-TAG that was there, else 0; a pop leaves the customer's frame,
 * and tags before the I-TAG are now that frame's. */
int beba_packet_push_pbb(struct beba_packet *p, uint16_t ethertype);
int beba_packet_pop_pbb(struct beba_packet *p);

/* swap eth, swap ip, swap l4: exchanges source and destination. False when the layer is absent, or
 * is none of these (IP4, IP6, TCP, UDP and SCTP are, too). */
bool beba_packet_swap(struct beba_packet *p, enum beba_layer layer);

/* Checks the checksums the packet carries. Bits: 1 IPv4 header, 2 transport (only where the whole
 * datagram is there). present = which exist and can be checked; returns those that are wrong. */
unsigned beba_packet_checksums(const struct beba_packet *p, unsigned *present);

/* The builder: a packet from field assignments. Headers follow from the fields assigned (tcp.dst
 * gives TCP over IPv4 over Ethernet; ip6.src, or ip.src with an IPv6 address, makes it IPv6) and
 * from types and protocols (ip.proto = 17 gives UDP; l4.dst alone, TCP). Everything else has
 * sensible defaults; lengths and checksums are right. Read-only fields cannot be assigned, except
 * in_port, in_phy_port, now, ip.version, pkt.len (exact, padded with payload) and l4.payload_len
 * (bytes of zero payload). */
struct beba_assign {
    enum beba_field_id field;
    struct beba_u128 value;
};

struct beba_build {
    const struct beba_assign *assign;
    unsigned n_assign;
    uint32_t layers; /* 1 << enum beba_layer: headers wanted although no field of them is set */
    const uint8_t *payload; /* bytes after the last header */
    uint32_t payload_len;
    uint32_t frame_len; /* pad with zero payload up to this many bytes; no effect if longer */
};

struct beba_error;
/* Builds into buf with headroom bytes before the packet; p->data points into buf. 0, -EINVAL
 * (fields that cannot be together, value too wide: err says which), -ENOBUFS. */
int beba_packet_build(struct beba_packet *p, uint8_t *buf, size_t size, size_t headroom,
                      const struct beba_build *b, struct beba_error *err);

#endif
