/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Big-endian loads and stores at any address, and the numbers of the protocols the parser knows.
 * Compiles for BPF. */
#ifndef BEBA_PACKET_BYTES_H
#define BEBA_PACKET_BYTES_H

#ifndef __bpf__
#include <string.h>
#endif

#include "base/int.h"

BEBA_INLINE uint16_t beba_be16(uint16_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap16(v);
#else
    return v;
#endif
}

BEBA_INLINE uint32_t beba_be32(uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap32(v);
#else
    return v;
#endif
}

BEBA_INLINE uint64_t beba_be64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(v);
#else
    return v;
#endif
}

BEBA_INLINE uint16_t beba_load16(const uint8_t *at)
{
    uint16_t v;
    __builtin_memcpy(&v, at, sizeof(v));
    return beba_be16(v);
}

BEBA_INLINE uint32_t beba_load32(const uint8_t *at)
{
    uint32_t v;
    __builtin_memcpy(&v, at, sizeof(v));
    return beba_be32(v);
}

BEBA_INLINE uint64_t beba_load64(const uint8_t *at)
{
    uint64_t v;
    __builtin_memcpy(&v, at, sizeof(v));
    return beba_be64(v);
}

BEBA_INLINE void beba_store16(uint8_t *at, uint16_t v)
{
    v = beba_be16(v);
    __builtin_memcpy(at, &v, sizeof(v));
}

BEBA_INLINE void beba_store32(uint8_t *at, uint32_t v)
{
    v = beba_be32(v);
    __builtin_memcpy(at, &v, sizeof(v));
}

BEBA_INLINE void beba_store64(uint8_t *at, uint64_t v)
{
    v = beba_be64(v);
    __builtin_memcpy(at, &v, sizeof(v));
}

enum beba_ether_type {
    BEBA_ETH_MIN = 0x0600, /* smaller ones are lengths (IEEE 802.3) */
    BEBA_ETH_IP4 = 0x0800,
    BEBA_ETH_ARP = 0x0806,
    BEBA_ETH_RARP = 0x8035,
    BEBA_ETH_VLAN = 0x8100,
    BEBA_ETH_IP6 = 0x86dd,
    BEBA_ETH_MPLS = 0x8847,
    BEBA_ETH_MPLS_UP = 0x8848, /* upstream-assigned labels */
    BEBA_ETH_QINQ = 0x88a8,
    BEBA_ETH_LOCAL = 0x88b5, /* local experiments (IEEE 802) */
    BEBA_ETH_PBB = 0x88e7,
    BEBA_ETH_QINQ_OLD = 0x9100,
};

enum beba_ip_proto {
    BEBA_IP_HOPOPTS = 0,
    BEBA_IP_ICMP = 1,
    BEBA_IP_TCP = 6,
    BEBA_IP_UDP = 17,
    BEBA_IP_ROUTING = 43,
    BEBA_IP_FRAGMENT = 44,
    BEBA_IP_GRE = 47,
    BEBA_IP_ESP = 50,
    BEBA_IP_AH = 51,
    BEBA_IP_ICMP6 = 58,
    BEBA_IP_NONE = 59,
    BEBA_IP_DSTOPTS = 60,
    BEBA_IP_SCTP = 132,
    BEBA_IP_EXPERIMENT = 253, /* RFC 3692 */
};

enum { BEBA_PORT_GTPU = 2152, BEBA_PORT_VXLAN = 4789 };

/* ICMPv6 types of RFC 4861 and RFC 4443. */
enum { BEBA_ICMP6_ECHO = 128, BEBA_ICMP6_NS = 135, BEBA_ICMP6_NA = 136 };

BEBA_INLINE bool beba_eth_is_vlan(uint16_t type)
{
    return type == BEBA_ETH_VLAN || type == BEBA_ETH_QINQ || type == BEBA_ETH_QINQ_OLD;
}

/* Extension headers that are followed (RFC 8200, section 4; AH: RFC 4302). */
BEBA_INLINE bool beba_ip6_is_ext(uint8_t next)
{
    return next == BEBA_IP_HOPOPTS || next == BEBA_IP_ROUTING || next == BEBA_IP_FRAGMENT ||
           next == BEBA_IP_DSTOPTS || next == BEBA_IP_AH;
}

/* Length of an extension header whose second byte is that. */
BEBA_INLINE uint32_t beba_ip6_ext_size(uint8_t type, uint8_t len)
{
    if (type == BEBA_IP_FRAGMENT)
        return 8;
    if (type == BEBA_IP_AH)
        return (len + 2u) * 4u;
    return (len + 1u) * 8u;
}

#endif
