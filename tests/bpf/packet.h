/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What packet.bpf.c and packet_bpf_test.c tell each other. */
#ifndef BEBA_TESTS_BPF_PACKET_H
#define BEBA_TESTS_BPF_PACKET_H

#include "packet/headers.h"

/* What to do with the packet, of the maps' only value. */
struct order {
    uint32_t op, a, b, c;
    struct beba_u128 value;
};

enum {
    DO_WRITE, /* field a */
    DO_SWAP,  /* layer a */
    DO_PUSH_VLAN,
    DO_POP_VLAN,
    DO_PUSH_MPLS,
    DO_POP_MPLS,
};

/* What came of it. */
struct answer {
    struct beba_headers h;
    uint32_t len;
    int32_t result;
    uint32_t vlan_present, vlan_proto, vlan_tci; /* tc: of the packet at the end */
    uint32_t key[10];
    uint8_t connection, backward;
    uint8_t present[BEBA_N_FIELDS];
    struct beba_u128 value[BEBA_N_FIELDS];
};

/* Fields are read by programs look_0, look_1, ... */
enum { LOOKS = 6, LOOK_AT = (BEBA_N_FIELDS + LOOKS - 1) / LOOKS };

#endif
