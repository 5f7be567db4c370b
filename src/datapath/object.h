/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Groups and meters: what they have in common. An object is a number that is in use; its bodies say
 * what it does, one for each version in which that is different. */
#ifndef BEBA_DATAPATH_OBJECT_H
#define BEBA_DATAPATH_OBJECT_H

#include "datapath/entry.h"

struct beba_datapath;

struct beba_body {
    struct beba_lifetime life;
    struct beba_body *_Atomic next; /* the one before it */
    struct beba_object *object;
    uint64_t created;         /* ns; kept, and counters shared, when an object is modified */
    struct beba_tally *tally; /* of each worker */
};

struct beba_object {
    struct beba_objects *objects;
    uint32_t id;
    uint32_t refs; /* control: entries and groups that lead here */
    struct beba_object *_Atomic next;
    struct beba_body *_Atomic body; /* newest first */
};

enum { BEBA_OBJECT_HEADS = 4096 };

struct beba_objects {
    struct beba_object *_Atomic head[BEBA_OBJECT_HEADS];
    uint32_t n;                                /* control: with a current body */
    void (*free_body)(struct beba_body *body); /* what is in it, and it */
    void (*refer)(struct beba_datapath *dp, const struct beba_body *body, int by); /* or NULL */
};

struct beba_object *beba_object_find(const struct beba_objects *objects, uint32_t id);
/* What it is in that version, or NULL. */
struct beba_body *beba_object_body(const struct beba_object *o, uint64_t version);
/* What it is now, to the control thread; NULL also for object NULL. */
struct beba_body *beba_object_current(const struct beba_object *o);

/* Makes body what the object with that number is from the next version on, removing what it was;
 * NULL: it is removed. now: for a new one. Noted. 0 or -ENOMEM; body is freed then. */
int beba_object_set(struct beba_datapath *dp, struct beba_objects *objects, uint32_t id,
                    struct beba_body *body, uint64_t now);
void beba_body_unadd(struct beba_datapath *dp, struct beba_body *body);
void beba_body_unremove(struct beba_datapath *dp, struct beba_body *body);
void beba_body_take_out(struct beba_datapath *dp, struct beba_body *body); /* and free, later */
void beba_objects_free(struct beba_objects *objects);

/* The next object with a current body from *cursor on, 0 at first; NULL at the end. */
struct beba_object *beba_object_next(const struct beba_objects *objects, uint64_t *cursor);

#endif
