/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The kernel sees and edits packets as user space does: every packet of the captures goes through
 * packet.bpf.c by BPF_PROG_TEST_RUN, and through beba_packet_parse, beba_field_write and so on.
 *
 *   packet_bpf_test xdp.o tc.o captures [more captures]
 *
 * Exit 77 where BPF cannot be used. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "base/error.h"
#include "io/capture.h"
#include "packet.h"
#include "packet/connection.h"
#include "packet/packet.h"
#include "packet/samples.h"

/* BPF_PROG_TEST_RUN wants a page to hold the packet and its room. */
enum { MIN = 15, MAX = 3400, ROOM = 64, SKIPPED = 77 };

struct object {
    const char *name;
    bool tc;
    struct bpf_object *bpf;
    struct order *order;
    struct answer *answer;
    int look[LOOKS], look_ports, change, aside;
};

static struct object objects[2];
static const char *captures[4];
static uint64_t n_compared, n_edits, n_not_compared;

static int program(struct object *o, const char *name)
{
    struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, name);

    return p ? bpf_program__fd(p) : -1;
}

static void *map(struct object *o, const char *name, size_t size)
{
    int fd = bpf_object__find_map_fd_by_name(o->bpf, name);
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

static bool object_load(struct object *o, const char *file, bool tc)
{
    *o = (struct object){.name = tc ? "tc" : "xdp", .tc = tc};
    o->bpf = bpf_object__open_file(file, NULL);
    if (!o->bpf || bpf_object__load(o->bpf))
        return false;
    for (unsigned i = 0; i < LOOKS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "look_%u", i);
        o->look[i] = program(o, name);
    }
    o->look_ports = program(o, "look_ports");
    o->change = program(o, "change");
    o->aside = program(o, "aside");
    o->order = map(o, "orders", sizeof(*o->order));
    o->answer = map(o, "answers", sizeof(*o->answer));
    return o->order && o->answer;
}

/* Runs a program on p; the packet that comes out, in out. */
static void run(int program, const struct beba_packet *p, uint8_t *out, uint32_t *len)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len,
                .data_out = out, .data_size_out = out ? MAX + ROOM : 0, .repeat = 1);
    int err = bpf_prog_test_run_opts(program, &opts);

    if (err)
        fail_msg("test run of %u bytes: %s", p->len, strerror(-err));
    assert_int_equal(opts.retval, 0);
    if (len)
        *len = opts.data_size_out;
}

/* Whether the kernel takes the packet for a test run: some refuse IP packets without their header.
 */
static bool is_taken(int program, const struct beba_packet *p)
{
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len, .repeat = 1);

    return bpf_prog_test_run_opts(program, &opts) != -EINVAL;
}

/* Where we are, for messages. */
static struct {
    const char *object, *file;
    uint64_t number;
    const char *what;
} here;

#define SAME(what_, a, b)                                                                       \
    do {                                                                                        \
        uint64_t a_ = (a), b_ = (b);                                                            \
        if (a_ != b_)                                                                           \
            fail_msg("%s, %s, packet %llu, %s: %s is %#llx in the kernel, %#llx here",          \
                     here.object, here.file, (unsigned long long)here.number, here.what, what_, \
                     (unsigned long long)a_, (unsigned long long)b_);                           \
    } while (0)

static void same_headers(const struct beba_headers *a, const struct beba_headers *b)
{
    SAME("layers", a->layers, b->layers);
    SAME("flaws", a->flaws, b->flaws);
    SAME("ether_type", a->ether_type, b->ether_type);
    SAME("ip_proto", a->ip_proto, b->ip_proto);
    SAME("n_vlan", a->n_vlan, b->n_vlan);
    SAME("n_mpls", a->n_mpls, b->n_mpls);
    SAME("l3_end", a->l3_end, b->l3_end);
    SAME("payload", a->payload, b->payload);
    for (unsigned i = 1; i < BEBA_N_LAYERS; i++)
        if (b->layers >> i & 1)
            SAME(beba_layer_name((enum beba_layer)i), a->offset[i], b->offset[i]);
}

static void same_bytes(const uint8_t *a, uint32_t len, const struct beba_packet *b)
{
    SAME("length", len, b->len);
    for (uint32_t i = 0; i < len; i++) {
        char what[32];
        snprintf(what, sizeof(what), "byte %u", i);
        SAME(what, a[i], b->data[i]);
    }
}

static void same_fields(const struct answer *a, const struct beba_packet *p)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        struct beba_u128 v;
        bool present = beba_field_read_wide(p, (enum beba_field_id)i, &v);
        here.what = beba_fields[i].name;
        SAME("presence", a->present[i], present);
        SAME("value", a->value[i].hi, v.hi);
        SAME("value", a->value[i].lo, v.lo);
    }
}

static void compare_ports(struct object *o, const struct beba_packet *p)
{
    uint32_t mask = 1u << BEBA_LAYER_L4 | 1u << BEBA_LAYER_IP | 1u << BEBA_LAYER_TCP |
                    1u << BEBA_LAYER_UDP | 1u << BEBA_LAYER_SCTP | 1u << BEBA_LAYER_IP4;
    uint32_t key[BEBA_CONNECTION_WORDS] = {0};
    bool backward, is;

    here.what = "ports";
    memset(o->answer->key, 0, sizeof(key));
    run(o->look_ports, p, NULL, NULL);
    SAME("layers", o->answer->h.layers & mask, p->h.layers & mask);
    is = beba_connection(p->data, &p->h, key, &backward);
    SAME("connection", o->answer->connection, is);
    SAME("backward", o->answer->backward, backward);
    assert_memory_equal(o->answer->key, key, sizeof(key));
}

static void compare_look(struct object *o, const struct beba_packet *p)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        memset(&o->answer->h, 0xff, sizeof(o->answer->h));
        run(o->look[i], p, NULL, NULL);
        here.what = "headers";
        same_headers(&o->answer->h, &p->h);
    }
    SAME("length", o->answer->len, p->len);
    same_fields(o->answer, p);
    compare_ports(o, p);
    n_compared++;
}

static int edit(struct beba_packet *p, const struct order *o)
{
    switch (o->op) {
    case DO_SWAP:
        return beba_packet_swap(p, (enum beba_layer)o->a);
    case DO_PUSH_VLAN:
        return beba_packet_push_vlan(p, (uint16_t)o->a, (uint16_t)o->b);
    case DO_POP_VLAN:
        return p->len < 18 ? -EINVAL : beba_packet_pop_vlan(p);
    case DO_PUSH_MPLS:
        return beba_packet_push_mpls(p, (uint16_t)o->a, o->b, (uint8_t)o->c);
    case DO_POP_MPLS:
        return beba_packet_pop_mpls(p, (uint16_t)o->a);
    default:
        return beba_field_write(p, (enum beba_field_id)o->a, o->value);
    }
}

static void compare_edit(struct object *o, const struct beba_packet *p, struct order order)
{
    static uint8_t buf[ROOM + MAX + ROOM], out[MAX + ROOM];
    struct beba_packet copy = *p;
    char what[64];
    uint32_t len;
    int result;

    snprintf(what, sizeof(what), "edit %u %u %#llx", order.op, order.a,
             (unsigned long long)order.value.lo);
    here.what = what;
    copy.data = buf + ROOM;
    copy.headroom = copy.tailroom = ROOM;
    memcpy(copy.data, p->data, p->len);
    *o->order = order;
    run(o->change, p, out, &len);
    result = edit(&copy, &order);
    SAME("result", (uint32_t)o->answer->result, (uint32_t)result);
    same_bytes(out, len, &copy);
    same_headers(&o->answer->h, &copy.h);
    n_edits++;
}

static uint64_t draw(void)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

/* A value for a field: bounds, common ones, any. */
static struct beba_u128 some_value(const struct beba_field *f, unsigned kind)
{
    static const uint64_t common[] = {0, ~0ull, 6, 17, 0x0800, 0x8100, 0x8847, 4789, 2152, 0x86dd};
    struct beba_u128 v = {draw(), draw()};

    if (kind < 2)
        v.lo = common[kind];
    else if (kind < 6)
        v.lo = common[draw() % (sizeof(common) / sizeof(*common))];
    if (f->type.width < 128)
        v = beba_u128(0, v.lo & beba_mask64(f->type.width));
    else if (f->type.kind == BEBA_KIND_IP && draw() % 2)
        v = beba_u128(0, 0xffff00000000 | (v.lo & 0xffffffff));
    return v;
}

static void compare_writes(struct object *o, const struct beba_packet *p, unsigned kinds)
{
    for (unsigned i = 0; i < BEBA_N_FIELDS; i++) {
        struct beba_u128 old;
        if (!beba_field_read_wide(p, (enum beba_field_id)i, &old)) {
            if (i % 16 != n_edits % 16)
                continue;
        } else if (beba_fields[i].type.kind == BEBA_KIND_IP && !old.hi) {
            old.lo ^= 0x100;
            compare_edit(o, p, (struct order){.op = DO_WRITE, .a = i, .value = old});
        }
        for (unsigned k = 0; k < kinds; k++)
            compare_edit(
                o, p,
                (struct order){.op = DO_WRITE, .a = i, .value = some_value(&beba_fields[i], k)});
    }
}

static void compare_moves(struct object *o, const struct beba_packet *p)
{
    static const uint8_t layers[] = {BEBA_LAYER_ETH, BEBA_LAYER_IP,  BEBA_LAYER_IP6,
                                     BEBA_LAYER_L4,  BEBA_LAYER_UDP, BEBA_LAYER_ARP};
    static const struct order orders[] = {
        {.op = DO_PUSH_VLAN, .a = 0x8100, .b = 0x2005},
        {.op = DO_PUSH_VLAN, .a = 0x88a8, .b = 0xffff},
        {.op = DO_PUSH_VLAN, .a = 0x9100, .b = 1},
        {.op = DO_PUSH_VLAN, .a = 0x0800, .b = 1},
        {.op = DO_POP_VLAN},
        {.op = DO_PUSH_MPLS, .a = 0x8847, .b = 0xabcde, .c = 63},
        {.op = DO_PUSH_MPLS, .a = 0x8848, .b = 16, .c = 255},
        {.op = DO_PUSH_MPLS, .a = 0x8100, .b = 16, .c = 255},
        {.op = DO_POP_MPLS, .a = 0x0800},
        {.op = DO_POP_MPLS, .a = 0x8847},
        {.op = DO_POP_MPLS, .a = 0x8100},
    };

    for (unsigned i = 0; i < sizeof(layers) / sizeof(*layers); i++)
        compare_edit(o, p, (struct order){.op = DO_SWAP, .a = layers[i]});
    for (unsigned i = 0; i < sizeof(orders) / sizeof(*orders); i++)
        compare_edit(o, p, orders[i]);
}

/* A tag beside the packet is as good as one in it. */
static void compare_aside(struct object *o, const struct beba_packet *p)
{
    static uint8_t buf[ROOM + MAX + ROOM], out[MAX + ROOM];
    struct beba_packet tagged = *p;
    uint32_t len;

    here.what = "aside";
    tagged.data = buf + ROOM;
    tagged.headroom = tagged.tailroom = ROOM;
    memcpy(tagged.data, p->data, p->len);
    assert_int_equal(beba_packet_push_vlan(&tagged, 0x8100, 7), 0);
    *o->order = (struct order){.op = DO_WRITE};
    run(o->aside, p, out, &len);
    same_bytes(out, len, p);
    same_headers(&o->answer->h, &tagged.h);
    SAME("vlan_present", o->answer->vlan_present, 1);
    SAME("vlan_tci", o->answer->vlan_tci & 0xfff, 7);
    *o->order = (struct order){.op = DO_POP_VLAN};
    run(o->aside, p, out, &len);
    SAME("result", (uint32_t)o->answer->result, 0);
    same_headers(&o->answer->h, &p->h);
    if (!(p->h.layers >> BEBA_LAYER_VLAN & 1)) {
        same_bytes(out, len, p);
        SAME("vlan_present", o->answer->vlan_present, 0);
    }
    *o->order = (struct order){.op = DO_PUSH_VLAN, .a = 0x88a8, .b = 9};
    run(o->aside, p, out, &len);
    same_bytes(out, len, &tagged);
    SAME("vlan_proto", o->answer->vlan_proto, beba_be16(0x88a8));
    SAME("vlan_tci", o->answer->vlan_tci & 0xfff, 9);
}

static void compare_packet(struct beba_packet *p, unsigned kinds)
{
    p->wire_len = p->len;
    p->now = p->metadata = p->tunnel_id = 0;
    p->in_port = p->in_phy_port = p->queue = 0;
    if (p->link != BEBA_LINK_ETHERNET || p->len < MIN || p->len > MAX) {
        n_not_compared++;
        return;
    }
    beba_packet_parse(p);
    for (unsigned i = 0; i < 2; i++) {
        struct object *o = &objects[i];
        here.object = o->name;
        if (!is_taken(o->look_ports, p)) {
            n_not_compared++;
            continue;
        }
        compare_look(o, p);
        if (!kinds)
            continue;
        compare_writes(o, p, kinds);
        compare_moves(o, p);
        if (o->tc && p->len >= 18)
            compare_aside(o, p);
    }
}

/* All packets are looked at, the first ones edited. */
static void compare_file(const char *dir, const char *name, unsigned edited, unsigned kinds)
{
    struct beba_error err = {0};
    struct beba_reader *r;
    struct beba_packet p;
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (beba_reader_open(path, &r, &err))
        return;
    here.file = name;
    for (here.number = 1; beba_reader_next(r, &p, &err) == 1; here.number++)
        compare_packet(&p, here.number <= edited ? kinds : 0);
    beba_reader_close(r);
}

static void compare_directory(const char *dir, unsigned edited, unsigned kinds)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);

    assert_true(n > 0);
    n_compared = n_edits = n_not_compared = 0;
    for (int i = 0; i < n; i++) {
        if (strstr(names[i]->d_name, ".pcap"))
            compare_file(dir, names[i]->d_name, edited, kinds);
        free(names[i]);
    }
    free(names);
    print_message("%llu looks (xdp or tc), %llu edits compared; %llu packets not: not Ethernet, or "
                  "nothing that the kernel takes for a test run\n",
                  (unsigned long long)n_compared, (unsigned long long)n_edits,
                  (unsigned long long)n_not_compared);
    assert_true(n_compared > 0);
}

static void made_captures_are_seen_and_edited_as_in_user_space(void **state)
{
    compare_directory(captures[0], ~0u, 8);
}

static void put(struct beba_packet *p, const char *bytes, uint32_t n)
{
    memcpy(p->data + p->len, bytes, n);
    p->len += n;
}

/* A packet with n tags, labels, IPv6 extension headers or those of GTP-U. */
static void build_deep(struct beba_packet *p, unsigned kind, unsigned n)
{
    static const char *const types[] = {"", "\x88\x47", "\x86\xdd", "\x08\x00"};

    put(p, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    if (kind)
        put(p, types[kind], 2);
    if (kind == 2)
        put(p,
            "\x60\0\0\0\1\x28\0\x40\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
            "\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2",
            40);
    if (kind == 3)
        put(p,
            "\x45\0\0\xff\0\0\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2"
            "\x08\x68\x08\x68\0\xe0\0\0\x34\xff\0\0\0\0\0\1\0\0\0\1",
            40);
    for (unsigned i = 0; i < n; i++) {
        bool last = i + 1 == n;
        if (kind == 0)
            put(p, "\x81\0\0\1", 4);
        else if (kind == 1)
            put(p, last ? "\0\0\1\x40" : "\0\0\0\x40", 4);
        else if (kind == 2)
            put(p, last ? "\x11\0\1\4\0\0\0\0" : "\0\0\1\4\0\0\0\0", 8);
        else
            put(p, last ? "\1\0\0\0" : "\1\0\0\1", 4);
    }
    if (kind == 0)
        put(p, "\x08\0", 2);
    if (kind < 2)
        put(p, "\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2", 20);
    put(p, "\x10\0\x20\0\0\x08\0\0", 8);
    memset(p->data + p->len, 0, 400);
    p->len += 400;
}

static void deep_stacks_are_followed_as_far(void **state)
{
    static const unsigned from[] = {14, 30, 14, 6};
    static uint8_t buf[ROOM + MAX + ROOM];

    n_compared = n_edits = 0;
    for (unsigned kind = 0; kind < 4; kind++)
        for (unsigned n = from[kind]; n < from[kind] + 5; n++) {
            struct beba_packet p = {.data = buf + ROOM, .link = BEBA_LINK_ETHERNET};
            build_deep(&p, kind, n);
            here.file = "deep stacks";
            here.number = kind * 100 + n;
            compare_packet(&p, 2);
            assert_int_equal(!!(p.h.flaws & BEBA_FLAW_TOO_DEEP), n > from[kind] + 2);
        }
    assert_int_equal(n_compared, 40);
}

static void other_captures_are_seen_and_edited_as_in_user_space(void **state)
{
    if (!captures[1] || access(captures[1], R_OK)) {
        print_message("SKIPPED: no captures at %s ($BEBA_CAPTURES)\n",
                      captures[1] ? captures[1] : "all");
        skip();
    }
    compare_directory(captures[1], 3, 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_captures_are_seen_and_edited_as_in_user_space),
        cmocka_unit_test(deep_stacks_are_followed_as_far),
        cmocka_unit_test(other_captures_are_seen_and_edited_as_in_user_space),
    };

    if (argc < 4) {
        fprintf(stderr, "usage: packet_bpf_test xdp.o tc.o captures [more captures]\n");
        return 2;
    }
    if (geteuid()) {
        fprintf(stderr, "SKIPPED: loading programs into the kernel needs root\n");
        return SKIPPED;
    }
    captures[0] = argv[3];
    captures[1] = getenv("BEBA_CAPTURES") ? getenv("BEBA_CAPTURES") : argc > 4 ? argv[4] : NULL;
    for (int i = 0; i < 2; i++)
        if (!object_load(&objects[i], argv[1 + i], i == 1)) {
            if (errno == EPERM || errno == ENOSYS) {
                fprintf(stderr, "SKIPPED: this kernel takes no BPF programs: %s\n",
                        strerror(errno));
                return SKIPPED;
            }
            fprintf(stderr, "%s does not load\n", argv[1 + i]);
            return 1;
        }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
