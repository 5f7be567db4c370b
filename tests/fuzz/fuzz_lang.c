/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The language: any bytes are a program or diagnostics. What is accepted prints, draws and formats;
 * the formatted text is a fixed point and as good a program as the first. */
#include "fuzz.h"

#include "lang/lang.h"

#include <errno.h>
#include <string.h>

static int read_nothing(void *arg, const char *path, char **text, size_t *len)
{
    static const char included[] = "const INCLUDED = 7\n";

    if (strcmp(path, "lib.xfsm"))
        return -ENOENT;
    *text = strdup(included);
    *len = sizeof(included) - 1;
    return *text ? 0 : -ENOMEM;
}

static int load(const char *text, size_t len)
{
    static const struct beba_lang_opts opts = {.read = read_nothing};
    struct beba_program *program = NULL;
    struct beba_diags diags = {0};
    struct beba_strbuf out = {0};
    int err = beba_lang_load_text("fuzz.xfsm", text, len, &opts, &program, &diags);

    require(err == 0 || err == -EINVAL);
    require(program && (err != 0) == (diags.errors != 0));
    beba_diags_print(&diags, &program->sources, &out, true);
    if (!err) {
        beba_pipeline_print(&out, program->pipeline);
        beba_pipeline_dot(&out, program->pipeline);
        for (uint32_t i = 0; i < program->pipeline->n_tables; i++)
            beba_table_schema(&out, &program->pipeline->table[i]);
    }
    require(!out.failed);
    beba_strbuf_free(&out);
    beba_diags_free(&diags);
    beba_program_free(program);
    return err;
}

static int format(const char *text, size_t len, struct beba_strbuf *out)
{
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};
    int err = beba_lang_format("fuzz.xfsm", text, len, out, &sources, &diags);

    require(err == 0 || err == -EINVAL);
    beba_diags_free(&diags);
    beba_sources_free(&sources);
    return err;
}

static void packet(const char *text, size_t len)
{
    struct beba_arena arena = {0};
    struct beba_build build = {0};
    struct beba_sources sources = {0};
    struct beba_diags diags = {0};

    if (!beba_lang_parse_packet(text, len, &arena, &build, &sources, &diags)) {
        uint8_t buf[4096];
        struct beba_packet p;

        if (!beba_packet_build(&p, buf, sizeof(buf), 64, &build, NULL))
            require(p.data >= buf && p.data + p.len <= buf + sizeof(buf));
    }
    beba_diags_free(&diags);
    beba_sources_free(&sources);
    beba_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct beba_strbuf once = {0}, twice = {0};
    int err;

    if (size && text[0] == '{') {
        packet(text, size);
        return 0;
    }
    err = load(text, size);
    if (!format(text, size, &once)) {
        require(!format(beba_strbuf_str(&once), once.len, &twice));
        require(once.len == twice.len);
        require(!once.len || !memcmp(once.s, twice.s, once.len));
        require(load(beba_strbuf_str(&once), once.len) == err);
    } else {
        require(err == -EINVAL);
    }
    beba_strbuf_free(&once);
    beba_strbuf_free(&twice);
    return 0;
}
