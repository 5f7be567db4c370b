/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the tests of the public API share. They see it as its users do: nothing but beba.h, against
 * the shared library. */
#ifndef BEBA_LIB_FIXTURE_TEST_H
#define BEBA_LIB_FIXTURE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beba/beba.h"

#define SECOND 1000000000ull
#define KNOCK  "{ ip4.src = 10.0.0.1, udp.dst = 7 }"

/* Some of everything a program can have. */
static const char guard[] =
    "set friends : ip = { 10.9.0.0/16, 192.0.2.1 }\n"
    "global total : u64\n"
    "global last_seen : ip\n"
    "array u32 hits[2][8]\n"
    "\n"
    "machine guard {\n"
    "    key ip.src\n"
    "    reg tries : u8\n"
    "    reg at : time\n"
    "    capacity 8 when full refuse -> punt\n"
    "    without key -> flood\n"
    "    state quiet {\n"
    "        on ip.src in friends { pass }\n"
    "        on udp.dst == 7 { tries = 1; at = now; goto watched; next }\n"
    "        else { pass }\n"
    "    }\n"
    "    state watched hard 10s -> quiet notify {\n"
    "        on tries >= 2 {\n"
    "            total += 1; last_seen = ip.src; hits[1][3] += 5\n"
    "            count refused\n"
    "            notify \"again\" { who = ip.src, tries, at }\n"
    "            mirror(9); mirror(10)\n"
    "            drop\n"
    "        }\n"
    "        always { tries += 1; next }\n"
    "    }\n"
    "}\n"
    "machine tag {\n"
    "    on udp.dst == 7 { vlan.push 100; queue 3; output(5) }\n"
    "    else { reply }\n"
    "}\n"
    "\n"
    "test \"watches\" {\n"
    "    send { ip4.src = 10.0.0.1, udp.dst = 7 } expect output(5), watched\n"
    "}\n";

static inline struct beba_xfsm *load(const char *text)
{
    struct beba_xfsm *program;
    char *diagnostics = NULL;
    int rc = beba_xfsm_load_text("guard.xfsm", text, strlen(text), &program, &diagnostics);

    if (rc)
        print_error("%s", diagnostics);
    beba_free(diagnostics);
    assert_int_equal(rc, 0);
    return program;
}

static inline struct beba_dp *start(const struct beba_xfsm *program)
{
    struct beba_dp_options options = {.size = sizeof(options), .fixed_seed = true, .batch = 2};
    struct beba_message message;
    struct beba_dp *dp;

    assert_int_equal(beba_dp_new(program, &options, &dp, &message), 0);
    assert_string_equal(message.text, "");
    return dp;
}

enum { ROOM = 256 };

static inline struct beba_frame build(uint8_t buf[ROOM], const char *fields, uint64_t now)
{
    struct beba_message message;
    struct beba_frame frame;

    if (beba_frame_build(fields, buf, ROOM, 16, &frame, &message))
        fail_msg("%s", message.text);
    frame.now = now;
    return frame;
}

static inline struct beba_outcome feed(struct beba_dp *dp, const char *fields, uint64_t now)
{
    struct beba_outcome outcome;
    uint8_t buf[ROOM];
    struct beba_frame frame = build(buf, fields, now);

    assert_int_equal(beba_dp_feed(dp, &frame, &outcome), 0);
    return outcome;
}

#endif
