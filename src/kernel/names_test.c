/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Names, prefixes of ranges, what the verifier's log says: nothing here needs a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"

static void names_of_attachments(void **state)
{
    static const struct {
        const char *device, *name;
        uint32_t port;
        uint8_t hook, how;
    } cases[] = {
        {"eth0", "link_xdp_1_eth0", 1, BEBA_HOOK_XDP, BEBA_HOW_LINK},
        {"eth0.100", "link_xdp-generic_2_eth0:100", 2, BEBA_HOOK_XDP_GENERIC, BEBA_HOW_LINK},
        {"a_b_1", "filter_tc-ingress_65535_a_b_1", 65535, BEBA_HOOK_TC_INGRESS, BEBA_HOW_FILTER},
        {"exactlyfifteen1", "share_xdp_7_exactlyfifteen1", 7, BEBA_HOOK_XDP, BEBA_HOW_SHARED},
    };
    static const char *const others[] = {
        "link_xdp_1_", "link_xdp__eth0", "link_ydp_1_eth0", "link_xdp_1",
        "beba_main",   "link_xdp_x_y",   "links_xdp_1_e",   "link_xdp_1_sixteencharacter"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct beba_kernel_device d = {
            .port = cases[i].port, .hook = cases[i].hook, .how = cases[i].how};
        struct beba_kernel_device back;
        char name[64];

        strcpy(d.name, cases[i].device);
        beba_point_name(&d, name);
        assert_string_equal(name, cases[i].name);
        assert_true(beba_point_parse(name, &back));
        assert_string_equal(back.name, d.name);
        assert_int_equal(back.port, d.port);
        assert_int_equal(back.hook, d.hook);
        assert_int_equal(back.how, d.how);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct beba_kernel_device d;

        assert_false(beba_point_parse(others[i], &d));
    }
}

static void names_of_deployments(void **state)
{
    struct beba_pipeline p = {.name = "port.knock 2"};
    char name[BEBA_KERNEL_NAME], root[ROOT_MAX];
    struct beba_error err;

    (void)state;
    assert_int_equal(beba_kernel_name_of(NULL, &p, name, &err), 0);
    assert_string_equal(name, "port_knock_2");
    assert_int_equal(beba_kernel_name_of("a-b_C9", &p, name, &err), 0);
    assert_string_equal(name, "a-b_C9");
    assert_int_equal(beba_kernel_name_of("a.b", &p, name, &err), -EINVAL);
    assert_int_equal(beba_kernel_name_of("a~new", &p, name, &err), -EINVAL);
    assert_int_equal(beba_kernel_name_of("../x", &p, name, &err), -EINVAL);
    assert_int_equal(beba_kernel_name_of("", &p, name, &err), -EINVAL);
    assert_int_equal(beba_kernel_root("/a/b//", root, &err), 0);
    assert_string_equal(root, "/a/b");
    assert_int_equal(beba_kernel_root("a/b", root, &err), -EINVAL);
    setenv("BEBA_BPFFS", "/x", 1);
    assert_int_equal(beba_kernel_root(NULL, root, &err), 0);
    assert_string_equal(root, "/x");
    unsetenv("BEBA_BPFFS");
    assert_int_equal(beba_kernel_root(NULL, root, &err), 0);
    assert_string_equal(root, "/sys/fs/bpf/beba");
}

static int print_prefix(void *arg, struct beba_u128 value, unsigned len)
{
    beba_strbuf_printf(arg, "%llx/%u ", (unsigned long long)(value.hi ? value.hi : value.lo), len);
    return 0;
}

static void prefixes_of_ranges(void **state)
{
    static const struct {
        struct beba_range range;
        unsigned bits;
        const char *want;
    } cases[] = {
        {{{0, 5}, {0, 5}}, 32, "5/32 "},
        {{{0, 0x0a000000}, {0, 0x0affffff}}, 32, "a000000/8 "},
        {{{0, 1}, {0, 6}}, 32, "1/32 2/31 4/31 6/32 "},
        {{{0, 0}, {0, 0xffffffff}}, 32, "0/0 "},
        {{{0, 0xfffffffe}, {0, 0xffffffff}}, 32, "fffffffe/31 "},
        {{{0, 0xfffff}, {0, 0xfffff}}, 20, "fffff/20 "},
        {{{0x20010db800000000, 0}, {0x20010db8ffffffff, ~0ull}}, 128, "20010db800000000/32 "},
        {{{0, 0}, {~0ull, ~0ull}}, 128, "0/0 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct beba_strbuf out = {0};

        beba_range_prefixes(&cases[i].range, cases[i].bits, print_prefix, &out);
        assert_string_equal(beba_strbuf_str(&out), cases[i].want);
        beba_strbuf_free(&out);
    }
}

static void lines_of_the_verifier(void **state)
{
    static const char text[] = "machine m {\n    key ip.src\n    always { n += 1; pass }\n}\n";
    static const char log[] = "func#0 @0\n"
                              "; always { n += 1; pass } @ dir.xfsm:3\n"
                              "12: (79) r1 = *(u64 *)(r2 +0)\n"
                              "; return beba_load(p) @ run.h:10\n"
                              "13: (61) r0 = *(u32 *)(r1 +4)\n"
                              "R1 invalid mem access 'scalar'\n"
                              "processed 14 insns (limit 1000000) max_states_per_insn 0\n";
    static const char large[] = "; key ip.src @ dir.xfsm:2\n"
                                "3890: (56) if w8 != 0xffff goto pc+1896 BPF program is too large. "
                                "Processed 1000001 insn\n"
                                "processed 1000001 insns (limit 1000000)\n";
    struct beba_error err;

    (void)state;
    assert_int_equal(
        beba_kernel_refused(&err, -EINVAL, log, "dir/dir.xfsm", text, sizeof(text) - 1), -EINVAL);
    assert_string_equal(err.where, "dir/dir.xfsm:3");
    assert_non_null(strstr(err.what, "'always { n += 1; pass }': R1 invalid mem access 'scalar'"));
    beba_kernel_refused(&err, -EINVAL, large, "dir.xfsm", text, sizeof(text) - 1);
    assert_string_equal(err.where, "dir.xfsm:2");
    assert_non_null(strstr(err.what, "'key ip.src': BPF program is too large. Processed 1000001"));
    beba_kernel_refused(&err, -EINVAL, "", "other.xfsm", text, sizeof(text) - 1);
    assert_string_equal(err.where, "other.xfsm");
    beba_kernel_refused(&err, -EINVAL, "; x @ dir.xfsm:999999\nbad\n", "dir.xfsm", text, 3);
    assert_string_equal(err.where, "dir.xfsm:999999");
}

static void memory_of_the_machine(void **state)
{
    struct beba_error err;

    (void)state;
    assert_int_equal(beba_kernel_has_memory(0, &err), 0);
    assert_int_equal(beba_kernel_has_memory(1ull << 60, &err), -ENOMEM);
    assert_non_null(strstr(err.what, "MiB are available"));
    assert_non_null(strstr(err.hint, "smaller capacity"));
    beba_kernel_error(&err, -ENOMEM, "load the program");
    assert_non_null(strstr(err.what, "cannot load the program: the kernel has no memory"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_attachments),  cmocka_unit_test(names_of_deployments),
        cmocka_unit_test(prefixes_of_ranges),    cmocka_unit_test(lines_of_the_verifier),
        cmocka_unit_test(memory_of_the_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
