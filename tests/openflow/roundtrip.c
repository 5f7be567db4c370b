/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Decodes messages and encodes them again, for comparison with another implementation.
 *
 * Input: lines of a dialect (advanced, master, openstate, auto), a side (controller, switch, any:
 * who sent it) and a message in hex. Output: a line for each: "ok" and the bytes made of what was
 * decoded, or "error", type, code, experimenter and why, or "encode" and an errno. With the
 * argument "text" it prints, in place of bytes, flow-mods in the manner of ovs-ofctl. */
#include "openflow/codec.h"
#include "openflow/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t in[BEBA_OF_MAX_MESSAGE], out[BEBA_OF_MAX_MESSAGE];
static char line[2 * BEBA_OF_MAX_MESSAGE + 64];

static int find(const char *const names[], int n, const char *word)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(names[i], word))
            return i;
    }
    fprintf(stderr, "roundtrip: unknown word '%s'\n", word);
    exit(2);
}

static size_t read_hex(const char *hex)
{
    size_t n = 0;
    unsigned byte;

    for (; n < sizeof(in) && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        in[n++] = (uint8_t)byte;
    return n;
}

static void print_text(const struct beba_of_msg *msg)
{
    struct beba_strbuf text = {0};

    if (msg->type == OFPT_FLOW_MOD)
        beba_of_flow_mod_print(&text, &msg->flow_mod);
    printf("ok %s\n", beba_strbuf_str(&text));
    beba_strbuf_free(&text);
}

static void print_bytes(const struct beba_of_msg *msg, const struct beba_of_codec *codec)
{
    int n = beba_of_encode(msg, codec, out, sizeof(out));

    printf(n < 0 ? "encode %d" : "ok ", n);
    for (int i = 0; i < n; i++)
        printf("%02x", out[i]);
    printf("\n");
}

static void roundtrip(bool text, const char *dialect, const char *side, const char *hex)
{
    static const char *const dialects[] = {"advanced", "master", "openstate", "auto"};
    static const char *const sides[] = {"any", "controller", "switch"};
    int which = find(dialects, 4, dialect), r;
    struct beba_of_codec codec = {.side = (uint8_t)find(sides, 3, side),
                                  .dialect = (uint8_t)(which % 3),
                                  .detect = which == 3};
    struct beba_arena arena = {.limit = 64 * sizeof(in)};
    struct beba_of_error err;
    struct beba_of_msg msg;

    r = beba_of_decode(in, read_hex(hex), &codec, &arena, &msg, &err);
    if (r) {
        printf("error %u %u 0x%x %s\n", err.type, err.code, err.experimenter, err.what);
    } else if (text) {
        print_text(&msg);
    } else {
        print_bytes(&msg, &codec);
    }
    beba_arena_free(&arena);
}

int main(int argc, char **argv)
{
    bool text = argc > 1 && !strcmp(argv[1], "text");

    while (fgets(line, sizeof(line), stdin)) {
        char *dialect = strtok(line, " \n"), *side = strtok(NULL, " \n"),
             *hex = strtok(NULL, " \n");

        if (!dialect || !side || !hex)
            continue;
        roundtrip(text, dialect, side, hex);
    }
    return 0;
}
