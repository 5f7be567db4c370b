/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/units.h"
#include "engine/engine.h"
#include "lang/lang.h"

static const char text[] =
    "global level : u8 = 1\n"
    "global prefix : ip6 = 2001:db8::1\n"
    "array u16 hits[4][2]\n"
    "machine knock {\n"
    "    key ip.src\n"
    "    capacity 16 when full refuse -> drop\n"
    "    reg seen : u32 = 3\n"
    "    state shut { on udp.dst == 7 && level == 1 { goto open; drop }\n"
    "                 else { drop } }\n"
    "    state open idle 10s -> shut { always { seen += hits[1][1]; pass } }\n"
    "}\n";

struct fixture {
    struct beba_program *program;
    struct beba_engine *engine;
};

static int setup(void **state)
{
    static struct fixture f;
    struct beba_engine_opts opts = {.fixed_seed = true};
    struct beba_lang_opts lang = {.no_warnings = true};
    struct beba_diags diags = {0};
    struct beba_error err;

    assert_int_equal(beba_lang_load_text("put", text, sizeof(text) - 1, &lang, &f.program, &diags),
                     0);
    assert_int_equal(beba_engine_new(f.program->pipeline, &opts, &f.engine, &err), 0);
    beba_diags_free(&diags);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    beba_engine_free(f->engine);
    beba_program_free(f->program);
    return 0;
}

static uint8_t *key_of(uint8_t last)
{
    static uint8_t key[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};

    key[15] = last;
    return key;
}

static void put_and_find(void **state)
{
    struct fixture *f = *state;
    struct beba_flow flow = {.key = key_of(1),
                             .state = 1,
                             .entered = 5 * BEBA_NS_PER_SEC,
                             .used = 6 * BEBA_NS_PER_SEC,
                             .born = 1ull << 24,
                             .backward = true};
    struct beba_flow out;
    uint64_t cursor = 0;

    memcpy(flow.regs, &(uint32_t){77}, 4);
    assert_int_equal(beba_engine_put_flow(f->engine, &flow), 0);
    assert_true(beba_engine_flow_of_key(f->engine, 0, key_of(1), 7 * BEBA_NS_PER_SEC, &out));
    assert_int_equal(out.state, 1);
    assert_int_equal(out.entered, flow.entered);
    assert_int_equal(out.used, flow.used);
    assert_int_equal(out.born, flow.born);
    assert_true(out.backward);
    assert_int_equal(beba_flow_reg(&f->program->pipeline->table[0], &out, 0).lo, 77);

    flow.state = 0; /* once more: the same flow */
    flow.backward = false;
    assert_int_equal(beba_engine_put_flow(f->engine, &flow), 0);
    assert_true(beba_engine_next_flow(f->engine, 0, 7 * BEBA_NS_PER_SEC, &cursor, &out));
    assert_int_equal(out.state, 0);
    assert_false(out.backward);
    assert_false(beba_engine_next_flow(f->engine, 0, 7 * BEBA_NS_PER_SEC, &cursor, &out));

    beba_engine_clear(f->engine);
    cursor = 0;
    assert_false(beba_engine_next_flow(f->engine, 0, 7 * BEBA_NS_PER_SEC, &cursor, &out));
}

static void refuse(void **state)
{
    struct fixture *f = *state;
    struct beba_flow flow = {.key = key_of(1), .state = 2};
    int rc = 0;

    assert_int_equal(beba_engine_put_flow(f->engine, &flow), -EINVAL);
    flow.state = 1;
    flow.table = 1;
    assert_int_equal(beba_engine_put_flow(f->engine, &flow), -EINVAL);
    flow.table = 0;
    for (unsigned i = 0; i < 17 && !rc; i++) {
        flow.key = key_of((uint8_t)i);
        rc = beba_engine_put_flow(f->engine, &flow);
        assert_int_equal(rc, i < 16 ? 0 : -ENOSPC);
    }
    beba_engine_clear(f->engine);
}

static void values(void **state)
{
    struct fixture *f = *state;
    struct beba_u128 v;

    beba_engine_set_global(f->engine, 0, beba_u128(1, 0x1ff));
    assert_int_equal(beba_engine_global(f->engine, 0, &v), 0xff);
    assert_int_equal(v.hi, 0);
    beba_engine_set_global(f->engine, 1, beba_u128(5, 6));
    beba_engine_global(f->engine, 1, &v);
    assert_int_equal(v.hi, 5);
    beba_engine_set_cell(f->engine, 0, 3, 1, 0x12345);
    assert_int_equal(beba_engine_cell(f->engine, 0, 3, 1), 0x2345);
    assert_int_equal(beba_engine_cell(f->engine, 0, 3, 0), 0);
    beba_engine_set_cell(f->engine, 1, 0, 0, 1);
    beba_engine_set_global(f->engine, 2, v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(put_and_find, setup, teardown),
        cmocka_unit_test_setup_teardown(refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(values, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
