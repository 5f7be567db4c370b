/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Packet templates: frames that entries send when they match. The list is a version, replaced whole
 * by the control thread. */
#include "datapath/state_config.h"

#include <stdlib.h>
#include <string.h>

/* Where an id is, or would be. */
static uint32_t find(const struct beba_templates *t, uint32_t id)
{
    uint32_t low = 0, high = t ? t->n : 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->item[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Publishes the list with items [at, at + out) replaced by item (NULL: by nothing). */
static int replace(struct beba_stateful *s, uint32_t at, uint32_t out, struct beba_template *item,
                   struct beba_of_error *err)
{
    struct beba_templates *old = atomic_load(&s->templates), *new;
    struct beba_template *gone = out ? old->item[at] : NULL;
    uint32_t n = (old ? old->n : 0) - out + (item != NULL);

    new = malloc(sizeof(*new) + n * sizeof(struct beba_template *));
    if (!new) {
        free(item);
        return beba_of_error_beba(err, BEBA_ERR_PKTTMP_MOD_FAILED, "no memory");
    }
    new->n = n;
    if (old) {
        uint32_t behind = old->n - at - out;

        memcpy(new->item, old->item, at * sizeof(struct beba_template *));
        memcpy(new->item + n - behind, old->item + at + out,
               behind * sizeof(struct beba_template *));
    }
    if (item)
        new->item[at] = item;
    atomic_store_explicit(&s->templates, new, memory_order_release);
    if (gone)
        beba_datapath_defer(s->dp, free, gone);
    if (old)
        beba_datapath_defer(s->dp, free, old);
    return 0;
}

static int add(struct beba_stateful *s, const struct beba_of_template_mod *mod,
               struct beba_of_error *err)
{
    const struct beba_templates *t = atomic_load(&s->templates);
    uint32_t at = find(t, mod->id);
    bool known = t && at < t->n && t->item[at]->id == mod->id;
    struct beba_template *item;

    if (!known && t && t->n >= s->max_templates)
        return beba_of_error_beba(err, BEBA_ERR_PKTTMP_MOD_FAILED, "there are %u templates already",
                                  t->n);
    item = malloc(sizeof(*item) + mod->len);
    if (!item)
        return beba_of_error_beba(err, BEBA_ERR_PKTTMP_MOD_FAILED, "no memory");
    item->id = mod->id;
    item->len = mod->len;
    if (mod->len)
        memcpy(item->frame, mod->frame, mod->len);
    return replace(s, at, known, item, err);
}

int beba_datapath_template_mod(struct beba_datapath *dp, const struct beba_of_template_mod *mod,
                               struct beba_of_error *err)
{
    struct beba_stateful *s = beba_datapath_stateful(dp);
    const struct beba_templates *t = atomic_load(&s->templates);
    uint32_t at = find(t, mod->id);

    switch (mod->command) {
    case BEBA_PKTTMP_ADD:
        return add(s, mod, err);
    case BEBA_PKTTMP_DEL:
        if (!t || at >= t->n || t->item[at]->id != mod->id)
            return beba_of_error_beba(err, BEBA_ERR_PKTTMP_MOD_FAILED, "no template %u", mod->id);
        return replace(s, at, 1, NULL, err);
    default:
        return beba_of_error_beba(err, BEBA_ERR_PKTTMP_MOD_BAD_COMMAND, "PKTTMP_MOD command %u",
                                  mod->command);
    }
}

bool beba_stateful_template(struct beba_stateful *s, uint32_t id, const uint8_t **frame,
                            uint32_t *len)
{
    const struct beba_templates *t = atomic_load_explicit(&s->templates, memory_order_acquire);
    uint32_t at = find(t, id);

    if (!t || at >= t->n || t->item[at]->id != id)
        return false;
    *frame = t->item[at]->frame;
    *len = t->item[at]->len;
    return true;
}
