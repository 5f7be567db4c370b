/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Programs that are larger than the language allows: too long to stand among the golden ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/strbuf.h"
#include "lang/lang.h"

/* The program "head, n times line with its number for #, tail". */
struct grown {
    const char *head, *line, *tail;
    unsigned fits; /* the most lines that the limit allows */
    const char *message;
};

static void write_line(struct beba_strbuf *out, const char *line, unsigned i)
{
    for (const char *c = line; *c; c++)
        if (*c == '#')
            beba_strbuf_printf(out, "%u", i);
        else
            beba_strbuf_putc(out, *c);
}

static bool says(const struct grown *g, unsigned n)
{
    struct beba_strbuf text = {0};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    bool found = false;

    beba_strbuf_puts(&text, g->head);
    for (unsigned i = 1; i <= n; i++)
        write_line(&text, g->line, i);
    beba_strbuf_puts(&text, g->tail);
    beba_lang_load_text("big.xfsm", beba_strbuf_str(&text), text.len, NULL, &program, &diags);
    for (uint32_t i = 0; i < diags.n; i++)
        found |= diags.diag[i].severity == BEBA_ERROR && !strcmp(diags.diag[i].message, g->message);
    if (found != (diags.errors != 0))
        fail_msg("%u lines of '%s': %s", n, g->line, diags.diag[0].message);
    beba_program_free(program);
    beba_diags_free(&diags);
    beba_strbuf_free(&text);
    return found;
}

static void limits_are_told(void **state)
{
    static const struct grown rows[] = {
        {"machine m {\n key ip.src\n without key -> pass\n", " reg r# : u8\n",
         " always { pass }\n}\n", 64, "a machine has at most 64 registers"},
        {"machine m {\n key ip.src\n without key -> pass\n", " reg r# : ip6\n",
         " always { pass }\n}\n", 16, "the registers have 272 bytes; at most 256 fit"},
        {"machine m {\n key ip.src\n without key -> pass\n always { pass }\n", " state s# { }\n",
         "}\n", 65535, "a machine has at most 65535 states"},
        {"machine m {\n", " let x# = tcp.dst + #\n", " always { pass }\n}\n", 256,
         "a machine has at most 256 lets"},
        {"", "machine m# { always { pass } }\n", "", 255, "a program has at most 255 machines"},
        {"machine m { always { pass } }\n# ", "................................",
         "...............................\n", (16u << 20) / 32 - 2,
         "the file is larger than 16 MiB"},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_false(says(&rows[i], rows[i].fits));
        assert_true(says(&rows[i], rows[i].fits + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits_are_told)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
