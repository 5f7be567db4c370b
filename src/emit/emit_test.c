/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "emit/emit.h"
#include "emit/object.h"
#include "lang/lang.h"

static const char text[] = "set odd : u16 = { 1, 3 }\n"
                           "set nets : ip4 = { 10.0.0.0/8 }\n"
                           "array u16 seen[10]\n"
                           "array u64 wide[3]\n"
                           "global total : u32 = 5\n"
                           "machine m {\n"
                           "    key ip4.src\n"
                           "    reg n : u32\n"
                           "    capacity 1000 when full evict\n"
                           "    without key -> pass\n"
                           "    state start { }\n"
                           "    state many idle 5s -> start { }\n"
                           "    in any state {\n"
                           "        on tcp.dst in odd && ip4.dst in nets {\n"
                           "            n += 1\n"
                           "            total += 1\n"
                           "            seen[tcp.dst] += 1\n"
                           "            wide[tcp.src] = now\n"
                           "            goto many\n"
                           "            pass\n"
                           "        }\n"
                           "        else { drop }\n"
                           "    }\n"
                           "}\n";

static struct beba_program *load(const char *source)
{
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};

    if (beba_lang_load_text("t.xfsm", source, strlen(source), NULL, &program, &diags)) {
        beba_diags_print(&diags, &program->sources, &out, false);
        fail_msg("%s", beba_strbuf_str(&out));
    }
    beba_diags_free(&diags);
    return program;
}

static void test_nothing_overlaps(void **state)
{
    struct beba_program *program = load(text);
    struct beba_object_layout l;
    struct beba_arena arena = {0};
    struct beba_error err;

    assert_int_equal(beba_object_layout(program->pipeline, &arena, &l, &err), 0);
    assert_int_equal(l.global[0], sizeof(struct beba_object_shared));
    assert_int_equal(l.set[0], l.global[0] + 8);
    assert_int_equal(l.set[1], 0);
    assert_int_equal(l.array[0], l.set[0] + 8192);
    assert_int_equal(l.cell_size[0], 4);
    assert_int_equal(l.array[1], l.array[0] + 40);
    assert_int_equal(l.cell_size[1], 8);
    assert_int_equal(l.shared_size, l.array[1] + 24);
    assert_true(l.tables >= sizeof(struct beba_object_cpu));
    assert_int_equal(l.rules, l.tables + sizeof(struct beba_object_table));
    assert_int_equal(l.counters, l.rules + 2 * sizeof(struct beba_object_counter));
    assert_int_equal(l.cpu_size % 64, 0);
    assert_true(l.region[0] > 1000 * 48);
    beba_arena_free(&arena);
    beba_program_free(program);
}

static void test_too_many_flows_say_how_many_fit(void **state)
{
    struct beba_program *program = load(text);
    struct beba_object_layout l;
    struct beba_arena arena = {0};
    struct beba_error err;
    unsigned long long fits;

    program->pipeline->table[0].capacity = 1u << 31;
    assert_int_equal(beba_object_layout(program->pipeline, &arena, &l, &err), -E2BIG);
    assert_non_null(strstr(err.what, "machine m"));
    assert_memory_equal(err.hint, "a capacity of ", 14);
    fits = strtoull(err.hint + 14, NULL, 10);
    program->pipeline->table[0].capacity = fits;
    assert_int_equal(beba_object_layout(program->pipeline, &arena, &l, &err), 0);
    assert_true(l.region[0] <= BEBA_OBJECT_REGION_MAX);
    program->pipeline->table[0].capacity = fits + 64;
    assert_int_equal(beba_object_layout(program->pipeline, &arena, &l, &err), -E2BIG);
    beba_arena_free(&arena);
    beba_program_free(program);
}

static void test_c_names_lines_and_machines(void **state)
{
    struct beba_program *program = load(text);
    struct beba_emit_opts opts = {.file = "t.xfsm", .text = text, .text_size = strlen(text)};
    struct beba_strbuf c = {0};
    struct beba_error err;

    assert_int_equal(beba_emit_c(program->pipeline, BEBA_TARGET_XDP, &opts, &c, &err), 0);
    assert_non_null(strstr(c.s, "table_m("));
    assert_non_null(strstr(c.s, "f->regs.r_n = "));
    assert_non_null(strstr(c.s, "#line 15 \"t.xfsm\"\n"));
    assert_non_null(strstr(c.s, "/* many */"));
    assert_non_null(strstr(c.s, "shared->a_seen["));
    assert_non_null(strstr(c.s, "HAS(TCP)"));
    beba_strbuf_free(&c);
    assert_int_equal(beba_emit_c(program->pipeline, BEBA_TARGET_OPENFLOW, &opts, &c, &err),
                     -ENOTSUP);
    beba_strbuf_free(&c);
    beba_program_free(program);
}

static void test_what_xdp_lacks_is_said(void **state)
{
    struct beba_program *program = load("machine m {\n    on tcp { queue 1; pass }\n"
                                        "    else { drop }\n}\n");
    struct beba_strbuf c = {0};
    struct beba_error err;

    assert_int_equal(beba_emit_c(program->pipeline, BEBA_TARGET_XDP, NULL, &c, &err), -ENOTSUP);
    assert_non_null(strstr(err.what, "queue"));
    assert_int_equal(beba_emit_c(program->pipeline, BEBA_TARGET_TC, NULL, &c, &err), 0);
    beba_strbuf_free(&c);
    beba_program_free(program);
}

static void test_the_object_holds_the_text(void **state)
{
    struct beba_program *program = load(text);
    struct beba_emit_opts opts = {.file = "t.xfsm", .text = text, .text_size = strlen(text)};
    struct beba_error err;
    enum beba_target target;
    const char *have, *file;
    void *object;
    size_t size, n;
    int rc = beba_emit_object(program->pipeline, BEBA_TARGET_TC, &opts, &object, &size, &err);

    if (rc == -ENOENT) {
        print_message("SKIPPED: %s\n", err.what);
        beba_program_free(program);
        skip();
    }
    assert_int_equal(rc, 0);
    assert_int_equal(beba_emit_object_text(object, size, &have, &n, &file, &target, &err), 0);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(have, text, n);
    assert_string_equal(file, "t.xfsm");
    assert_int_equal(target, BEBA_TARGET_TC);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 8) /* a part of it is none, and no crash */
        beba_emit_object_text(object, cut, &have, &n, &file, &target, &err);
    assert_int_equal(beba_emit_object_text(text, n, &have, &n, &file, &target, &err), -EINVAL);
    free(object);
    beba_program_free(program);
}

static void test_the_budget_is_that_of_the_object(void **state)
{
    struct beba_program *program = load(text);
    struct beba_emit_opts opts = {.file = "t.xfsm", .text = text, .text_size = strlen(text)};
    struct beba_emit_budget b;
    struct beba_error err;
    int rc = beba_emit_budget(program->pipeline, BEBA_TARGET_XDP, &opts, &b, &err);

    beba_program_free(program);
    if (rc == -ENOENT) {
        print_message("SKIPPED: %s\n", err.what);
        skip();
    }
    assert_int_equal(rc, 0);
    assert_in_range(b.instructions, 1000, 100000);
    assert_in_range(b.stack, 64, b.stack_max);
    assert_in_range(b.n_functions, 5, 100);
    assert_int_equal(b.n_programs, 2);
    assert_in_range(b.functions, 5, b.functions_max);
    assert_in_range(b.maps, 5, 10);
    assert_in_range(b.largest, 1000, b.instructions);
    assert_true(b.map_memory > 48000);
}

/* Machines with flows: n of them. */
static struct beba_program *pipeline_of(unsigned n)
{
    struct beba_strbuf s = {0};
    struct beba_program *program;

    for (unsigned i = 0; i < n; i++)
        beba_strbuf_printf(&s,
                           "machine m%u {\n key ip.src\n without key -> next\n default -> next\n"
                           " state a { on udp { goto b } }\n state b { on tcp { goto a } }\n}\n",
                           i);
    program = load(s.s);
    beba_strbuf_free(&s);
    return program;
}

static bool emits(unsigned n_machines, const char *what)
{
    struct beba_program *program = pipeline_of(n_machines);
    struct beba_strbuf c = {0};
    bool has;

    assert_int_equal(beba_emit_c(program->pipeline, BEBA_TARGET_XDP, NULL, &c, NULL), 0);
    beba_strbuf_putc(&c, '\0');
    has = strstr(c.s, what) != NULL;
    beba_strbuf_free(&c);
    beba_program_free(program);
    return has;
}

static void test_many_machines_are_several_programs(void **state)
{
    assert_false(emits(3, "beba_mains"));
    assert_true(emits(60, "int beba_main_4(beba_ctx *ctx)"));
    assert_true(emits(60, "BEBA_CONTROL_PROGRAM(beba_control_4, beba_control_table_4"));
    assert_true(emits(60, "table < 28)\n        bpf_tail_call(ctx, &beba_controls, 1);"));
}

static void test_no_clang_says_what_to_install(void **state)
{
    struct beba_program *program = load(text);
    struct beba_emit_opts opts = {.clang = "/nowhere/clang", .file = "t.xfsm"};
    struct beba_error err;
    void *object;
    size_t size;

    assert_int_equal(
        beba_emit_object(program->pipeline, BEBA_TARGET_XDP, &opts, &object, &size, &err), -ENOENT);
    assert_non_null(strstr(err.hint, "install clang"));
    assert_null(object);
    beba_program_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_overlaps),
        cmocka_unit_test(test_too_many_flows_say_how_many_fit),
        cmocka_unit_test(test_c_names_lines_and_machines),
        cmocka_unit_test(test_what_xdp_lacks_is_said),
        cmocka_unit_test(test_the_object_holds_the_text),
        cmocka_unit_test(test_the_budget_is_that_of_the_object),
        cmocka_unit_test(test_many_machines_are_several_programs),
        cmocka_unit_test(test_no_clang_says_what_to_install),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
