/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "packet/field.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

enum {
    RO = BEBA_FIELD_READONLY,
    SP = BEBA_FIELD_SPECIAL,
    ST = BEBA_FIELD_STRUCTURAL,
};

/* clang-format off */
const struct beba_field beba_fields[BEBA_N_FIELDS] = {
#define BEBA_FIELD(id, name_, kind_, width_, layer_, flags_, bit_offset_, oxm_, prereq_,           \
                   wireshark_, aliases_, help_)                                                    \
    [BEBA_F_##id] = {.name = name_, .type = {BEBA_KIND_##kind_, width_},                           \
                     .layer = BEBA_LAYER_##layer_, .flags = flags_, .bit_offset = bit_offset_,     \
                     .oxm = oxm_, .prereq = prereq_, .wireshark = wireshark_,                      \
                     .aliases = aliases_, .help = help_},
#include "packet/fields.def"
#undef BEBA_FIELD
};
/* clang-format on */

enum beba_field_id beba_field_find(const char *name, size_t n)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++)
        if (strlen(beba_fields[i].name) == n && !memcmp(beba_fields[i].name, name, n))
            return (enum beba_field_id)i;
    return BEBA_F_NONE;
}

/* nft writes "tcp dport"; the alias column, which separates names by spaces, has tcp_dport. */
static bool alias_equal(const char *alias, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (alias[i] != (name[i] == ' ' ? '_' : name[i]))
            return false;
    return true;
}

static bool aliases_have(const char *aliases, const char *name, size_t n)
{
    while (*aliases) {
        size_t len = strcspn(aliases, " ");
        if (len == n && alias_equal(aliases, name, n))
            return true;
        aliases += len;
        aliases += strspn(aliases, " ");
    }
    return false;
}

enum beba_field_id beba_field_find_alias(const char *name, size_t n)
{
    if (!n)
        return BEBA_F_NONE;
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        const struct beba_field *f = &beba_fields[i];
        if (f->wireshark && strlen(f->wireshark) == n && !memcmp(f->wireshark, name, n))
            return (enum beba_field_id)i;
        if (aliases_have(f->aliases, name, n))
            return (enum beba_field_id)i;
    }
    return BEBA_F_NONE;
}

const char *beba_field_nearest(const char *name, size_t n)
{
    const char *names[BEBA_N_FIELDS];
    char copy[64];

    if (n >= sizeof(copy))
        return NULL;
    memcpy(copy, name, n);
    copy[n] = '\0';
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++)
        names[i] = beba_fields[i].name;
    return beba_nearest(copy, names, BEBA_N_FIELDS);
}

#define BIT(layer) (1u << BEBA_LAYER_##layer)

static const struct layer {
    const char *name;
    uint32_t implies; /* besides itself and META */
} layers[BEBA_N_LAYERS] = {
    [BEBA_LAYER_META] = {NULL, 0},
    [BEBA_LAYER_ETH] = {"eth", 0},
    [BEBA_LAYER_VLAN] = {"vlan", 0},
    [BEBA_LAYER_VLAN2] = {"vlan2", BIT(VLAN)},
    [BEBA_LAYER_PBB] = {"pbb", 0},
    [BEBA_LAYER_MPLS] = {"mpls", 0},
    [BEBA_LAYER_MPLS2] = {"mpls2", BIT(MPLS)},
    [BEBA_LAYER_ARP] = {"arp", 0},
    [BEBA_LAYER_IP4] = {"ip4", BIT(IP)},
    [BEBA_LAYER_IP6] = {"ip6", BIT(IP)},
    [BEBA_LAYER_IP6FRAG] = {"ip6frag", BIT(IP6) | BIT(IP)},
    [BEBA_LAYER_ICMP] = {"icmp", BIT(IP4) | BIT(IP)},
    [BEBA_LAYER_ICMP6] = {"icmp6", BIT(IP6) | BIT(IP)},
    [BEBA_LAYER_ND] = {"nd", BIT(ICMP6) | BIT(IP6) | BIT(IP)},
    [BEBA_LAYER_TCP] = {"tcp", BIT(L4) | BIT(IP)},
    [BEBA_LAYER_UDP] = {"udp", BIT(L4) | BIT(IP)},
    [BEBA_LAYER_SCTP] = {"sctp", BIT(L4) | BIT(IP)},
    [BEBA_LAYER_GRE] = {"gre", BIT(IP)},
    [BEBA_LAYER_VXLAN] = {"vxlan", BIT(UDP) | BIT(L4) | BIT(IP)},
    [BEBA_LAYER_GTPU] = {"gtpu", BIT(UDP) | BIT(L4) | BIT(IP)},
    [BEBA_LAYER_IP] = {"ip", 0},
    [BEBA_LAYER_L4] = {"l4", BIT(IP)},
};

/* Of each set a packet has at most one; what implies one of them excludes what implies another. */
static const uint32_t exclusive[] = {
    BIT(PBB) | BIT(ARP) | BIT(IP),
    BIT(PBB) | BIT(MPLS),
    BIT(ARP) | BIT(MPLS), /* under labels only IP is recognised */
    BIT(IP4) | BIT(IP6),
    BIT(ICMP) | BIT(ICMP6) | BIT(L4) | BIT(GRE),
    BIT(TCP) | BIT(UDP) | BIT(SCTP),
    BIT(VXLAN) | BIT(GTPU),
};

const char *beba_layer_name(enum beba_layer layer)
{
    return layer < BEBA_N_LAYERS ? layers[layer].name : NULL;
}

int beba_layer_find(const char *name, size_t n)
{
    for (int i = 0; i < BEBA_N_LAYERS; i++) {
        const char *s = layers[i].name;
        if (s && strlen(s) == n && !memcmp(s, name, n))
            return i;
    }
    return -1;
}

uint32_t beba_layer_implies(enum beba_layer layer)
{
    return layers[layer].implies | 1u << layer | BIT(META);
}

uint32_t beba_layer_excludes(enum beba_layer layer)
{
    uint32_t mine = beba_layer_implies(layer), out = 0;

    for (unsigned i = 0; i < sizeof(exclusive) / sizeof(*exclusive); i++) {
        uint32_t a = mine & exclusive[i];

        for (unsigned other = 0; a && other < BEBA_N_LAYERS; other++) {
            uint32_t b = (layers[other].implies | 1u << other) & exclusive[i];

            if (b && !(a & b))
                out |= 1u << other;
        }
    }
    return out;
}

static void print_ip4(struct beba_strbuf *out, uint64_t v)
{
    for (unsigned shift = 32; shift; shift -= 8) {
        beba_strbuf_put_u64(out, v >> (shift - 8) & 255);
        if (shift > 8)
            beba_strbuf_putc(out, '.');
    }
}

static void print_ip6(struct beba_strbuf *out, struct beba_u128 v)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[16];

    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(v.hi >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(v.lo >> (56 - 8 * i));
    }
    if (inet_ntop(AF_INET6, bytes, text, sizeof(text)))
        beba_strbuf_puts(out, text);
}

static void print_mac(struct beba_strbuf *out, uint64_t v)
{
    for (unsigned shift = 48; shift; shift -= 8)
        beba_strbuf_printf(out, "%02x%s", (unsigned)(v >> (shift - 8) & 255), shift > 8 ? ":" : "");
}

void beba_value_print(struct beba_strbuf *out, struct beba_type type, struct beba_u128 v)
{
    switch ((enum beba_kind)type.kind) {
    case BEBA_KIND_BOOL:
        beba_strbuf_puts(out, v.hi | v.lo ? "true" : "false");
        return;
    case BEBA_KIND_TIME:
        beba_duration_print(out, v.lo);
        return;
    case BEBA_KIND_IP4:
        print_ip4(out, v.lo);
        return;
    case BEBA_KIND_IP:
        if (v.hi == 0 && v.lo >> 32 == 0xffff)
            print_ip4(out, v.lo);
        else
            print_ip6(out, v);
        return;
    case BEBA_KIND_IP6:
        print_ip6(out, v);
        return;
    case BEBA_KIND_MAC:
        print_mac(out, v.lo);
        return;
    case BEBA_KIND_UINT:
    case BEBA_KIND_PORT:
    case BEBA_KIND_STATE:
        break;
    }
    if (v.hi)
        beba_strbuf_printf(out, "0x%" PRIx64 "%016" PRIx64, v.hi, v.lo);
    else
        beba_strbuf_put_u64(out, v.lo);
}
