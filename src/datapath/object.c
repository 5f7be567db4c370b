/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "datapath/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/dp.h"

struct beba_object *beba_object_find(const struct beba_objects *objects, uint32_t id)
{
    struct beba_object *o =
        atomic_load_explicit(&objects->head[id % BEBA_OBJECT_HEADS], memory_order_acquire);

    while (o && o->id != id)
        o = atomic_load_explicit(&o->next, memory_order_acquire);
    return o;
}

struct beba_body *beba_object_body(const struct beba_object *o, uint64_t version)
{
    struct beba_body *body = atomic_load_explicit(&o->body, memory_order_acquire);

    while (body && !beba_lives(&body->life, version))
        body = atomic_load_explicit(&body->next, memory_order_acquire);
    return body;
}

struct beba_body *beba_object_current(const struct beba_object *o)
{
    return o ? beba_object_body(o, BEBA_NOT_REMOVED - 1) : NULL;
}

static void refer(struct beba_datapath *dp, const struct beba_body *body, int by)
{
    struct beba_objects *objects = body->object->objects;

    if (objects->refer)
        objects->refer(dp, body, by);
    objects->n += (uint32_t)by;
}

static void free_body(void *arg)
{
    struct beba_body *body = arg;

    beba_tally_release(body->tally);
    body->object->objects->free_body(body);
}

/* Heads' chains are in the order of numbers. */
static void put_in(struct beba_objects *objects, struct beba_object *o)
{
    struct beba_object *_Atomic *at = &objects->head[o->id % BEBA_OBJECT_HEADS];
    struct beba_object *next;

    while ((next = atomic_load_explicit(at, memory_order_relaxed)) && next->id < o->id)
        at = &next->next;
    atomic_store_explicit(&o->next, next, memory_order_relaxed);
    atomic_store_explicit(at, o, memory_order_release);
}

static void take_object_out(struct beba_datapath *dp, struct beba_object *o)
{
    struct beba_object *_Atomic *at = &o->objects->head[o->id % BEBA_OBJECT_HEADS];
    struct beba_object *here;

    while ((here = atomic_load_explicit(at, memory_order_relaxed)) != o)
        at = &here->next;
    atomic_store_explicit(at, atomic_load_explicit(&o->next, memory_order_relaxed),
                          memory_order_release);
    beba_datapath_later(dp, free, o);
}

static int add_body(struct beba_datapath *dp, struct beba_object *o, struct beba_body *body)
{
    if (beba_datapath_note(dp, BEBA_CHANGE_BODY_ADDED, body))
        return -ENOMEM;
    body->object = o;
    body->life.added = beba_datapath_next_version(dp);
    atomic_store_explicit(&body->life.removed, BEBA_NOT_REMOVED, memory_order_relaxed);
    atomic_store_explicit(&body->next, atomic_load_explicit(&o->body, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(&o->body, body, memory_order_release);
    refer(dp, body, 1);
    return 0;
}

static int remove_body(struct beba_datapath *dp, struct beba_body *body)
{
    if (beba_datapath_note(dp, BEBA_CHANGE_BODY_REMOVED, body))
        return -ENOMEM;
    atomic_store_explicit(&body->life.removed, beba_datapath_next_version(dp),
                          memory_order_relaxed);
    refer(dp, body, -1);
    return 0;
}

static struct beba_object *new_object(struct beba_objects *objects, uint32_t id)
{
    struct beba_object *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    o->objects = objects;
    o->id = id;
    put_in(objects, o);
    return o;
}

int beba_object_set(struct beba_datapath *dp, struct beba_objects *objects, uint32_t id,
                    struct beba_body *body, uint64_t now)
{
    struct beba_object *o = beba_object_find(objects, id);
    struct beba_body *old = beba_object_current(o);

    if (old && remove_body(dp, old))
        goto fail;
    if (!body)
        return 0;
    body->created = old ? old->created : now;
    body->tally = old ? old->tally : beba_tally_new(dp);
    if (!body->tally)
        goto fail;
    if (!o)
        o = new_object(objects, id);
    if (!o || add_body(dp, o, body))
        goto fail_tally;
    body->tally->refs++;
    return 0;

fail_tally:
    if (o && !atomic_load_explicit(&o->body, memory_order_relaxed))
        take_object_out(dp, o);
    if (!old)
        free(body->tally);
fail:
    if (body)
        objects->free_body(body);
    return -ENOMEM;
}

void beba_body_unadd(struct beba_datapath *dp, struct beba_body *body)
{
    atomic_store_explicit(&body->life.removed, body->life.added, memory_order_relaxed);
    refer(dp, body, -1);
}

void beba_body_unremove(struct beba_datapath *dp, struct beba_body *body)
{
    atomic_store_explicit(&body->life.removed, BEBA_NOT_REMOVED, memory_order_relaxed);
    refer(dp, body, 1);
}

void beba_body_take_out(struct beba_datapath *dp, struct beba_body *body)
{
    struct beba_object *o = body->object;
    struct beba_body *_Atomic *at = &o->body;
    struct beba_body *here;

    while ((here = atomic_load_explicit(at, memory_order_relaxed)) != body)
        at = &here->next;
    atomic_store_explicit(at, atomic_load_explicit(&body->next, memory_order_relaxed),
                          memory_order_release);
    beba_datapath_later(dp, free_body, body);
    if (!atomic_load_explicit(&o->body, memory_order_relaxed))
        take_object_out(dp, o);
}

void beba_objects_free(struct beba_objects *objects)
{
    for (unsigned i = 0; i < BEBA_OBJECT_HEADS; i++) {
        struct beba_object *o = atomic_load_explicit(&objects->head[i], memory_order_relaxed);
        while (o) {
            struct beba_object *next = atomic_load_explicit(&o->next, memory_order_relaxed);
            struct beba_body *body = atomic_load_explicit(&o->body, memory_order_relaxed);
            while (body) {
                struct beba_body *older = atomic_load_explicit(&body->next, memory_order_relaxed);
                free_body(body);
                body = older;
            }
            free(o);
            o = next;
        }
    }
}

struct beba_object *beba_object_next(const struct beba_objects *objects, uint64_t *cursor)
{
    for (uint64_t head = *cursor >> 32; head < BEBA_OBJECT_HEADS; head++) {
        struct beba_object *o = atomic_load_explicit(&objects->head[head], memory_order_relaxed);
        uint64_t from = head == *cursor >> 32 ? *cursor & UINT32_MAX : 0;

        for (; o; o = atomic_load_explicit(&o->next, memory_order_relaxed)) {
            if (o->id < from || !beba_object_current(o))
                continue;
            *cursor = head << 32 | (o->id + 1ull);
            return o;
        }
    }
    *cursor = (uint64_t)BEBA_OBJECT_HEADS << 32;
    return NULL;
}
