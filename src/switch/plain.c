/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Entries without the BEBA extension: a stock controller cannot parse it, and would lose all of a
 * reply for the sake of one entry. */
#include "switch/session.h"

static bool is_plain(const struct beba_of_oxm *oxm)
{
    return oxm->field < BEBA_OF_GLOBAL_STATE;
}

const struct beba_of_match *beba_plain_match(struct beba_arena *arena,
                                             const struct beba_of_match *in)
{
    struct beba_of_match *out;
    uint32_t n = 0;

    for (uint32_t i = 0; i < in->n; i++)
        n += is_plain(&in->oxm[i]);
    if (n == in->n || !(out = beba_arena_alloc(arena, sizeof(*out))))
        return in;
    out->oxm = beba_arena_array(arena, n, sizeof(*out->oxm));
    for (uint32_t i = 0; out->oxm && i < in->n; i++) {
        if (is_plain(&in->oxm[i]))
            out->oxm[out->n++] = in->oxm[i];
    }
    return out;
}

struct beba_of_actions beba_plain_actions(struct beba_arena *arena,
                                          const struct beba_of_actions *in)
{
    struct beba_of_actions out = {0};
    uint32_t n = 0;

    for (uint32_t i = 0; i < in->n; i++)
        n += in->action[i].type != OFPAT_EXPERIMENTER;
    if (n == in->n)
        return *in;
    out.action = beba_arena_array(arena, n, sizeof(*out.action));
    for (uint32_t i = 0; out.action && i < in->n; i++) {
        if (in->action[i].type != OFPAT_EXPERIMENTER)
            out.action[out.n++] = in->action[i];
    }
    return out;
}

const struct beba_of_instructions *beba_plain_instructions(struct beba_arena *arena,
                                                           const struct beba_of_instructions *in)
{
    struct beba_of_actions apply = beba_plain_actions(arena, &in->apply);
    struct beba_of_actions write = beba_plain_actions(arena, &in->write);
    struct beba_of_instructions *out;
    unsigned n = 0;

    if (apply.n == in->apply.n && write.n == in->write.n && !(in->present & BEBA_OF_PKT_GEN))
        return in;
    out = beba_arena_copy(arena, in, sizeof(*in));
    if (!out)
        return in;
    out->apply = apply;
    out->write = write;
    out->present &= (uint8_t)~BEBA_OF_PKT_GEN;
    for (unsigned i = 0; i < 8 && in->order[i]; i++) {
        if (in->order[i] != OFPIT_EXPERIMENTER)
            out->order[n++] = in->order[i];
    }
    while (n < 8)
        out->order[n++] = 0;
    return out;
}
