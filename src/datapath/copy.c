/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/copy.h"

#include <stdlib.h>
#include <string.h>

static size_t actions_size(const struct beba_of_actions *a)
{
    return a->n * sizeof(*a->action);
}

/* Moves what *list points to, n bytes, to *at, and *at behind it. */
static void *move(char **at, const void *list, size_t n)
{
    void *to = *at;

    if (!n)
        return NULL;
    memcpy(to, list, n);
    *at += n;
    return to;
}

static void move_actions(char **at, struct beba_of_actions *a)
{
    a->action = move(at, a->action, actions_size(a));
}

struct beba_rule *beba_rule_copy(const struct beba_of_match *match,
                                 const struct beba_of_instructions *instructions)
{
    size_t match_size = match->n * sizeof(*match->oxm);
    size_t size = sizeof(struct beba_rule) + actions_size(&instructions->apply) +
                  actions_size(&instructions->write) + actions_size(&instructions->generate);
    struct beba_rule *rule = malloc(size + match_size);
    char *at = (char *)(rule + 1);

    if (!rule)
        return NULL;
    rule->instructions = *instructions;
    rule->match = *match;
    move_actions(&at, &rule->instructions.apply);
    move_actions(&at, &rule->instructions.write);
    move_actions(&at, &rule->instructions.generate);
    rule->match.oxm = move(&at, match->oxm, match_size);
    return rule;
}

struct beba_of_bucket *beba_buckets_copy(const struct beba_of_bucket *bucket, uint32_t n)
{
    struct beba_of_bucket *out;
    size_t size = n * sizeof(*bucket);
    char *at;

    for (uint32_t i = 0; i < n; i++)
        size += actions_size(&bucket[i].actions);
    out = malloc(size ? size : 1);
    if (!out)
        return NULL;
    at = (char *)(out + n);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = bucket[i];
        move_actions(&at, &out[i].actions);
    }
    return out;
}
