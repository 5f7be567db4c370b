/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Entries with timeouts, the one that is first due on top. An idle timeout's place is when it would
 * be due had there been no packet since; that there were is found out then. */
#include "datapath/dp.h"

#include <errno.h>

enum { NS_PER_S = 1000000000 };

int beba_heap_reserve(struct beba_datapath *dp)
{
    if (beba_list_add(&dp->heap, NULL))
        return -ENOMEM;
    dp->heap.n--;
    return 0;
}

static struct beba_entry *at(const struct beba_datapath *dp, size_t i)
{
    return dp->heap.item[i - 1];
}

static void place(struct beba_datapath *dp, size_t i, struct beba_entry *e)
{
    dp->heap.item[i - 1] = e;
    e->heap_at = (uint32_t)i;
}

static uint64_t due_hard(const struct beba_entry *e)
{
    return e->hard ? e->installed + e->hard * (uint64_t)NS_PER_S : UINT64_MAX;
}

static void sift(struct beba_datapath *dp, size_t i, struct beba_entry *e)
{
    size_t n = dp->heap.n;

    while (i > 1 && at(dp, i / 2)->due > e->due) {
        place(dp, i, at(dp, i / 2));
        i /= 2;
    }
    while (2 * i <= n) {
        size_t child = 2 * i;
        if (child < n && at(dp, child + 1)->due < at(dp, child)->due)
            child++;
        if (at(dp, child)->due >= e->due)
            break;
        place(dp, i, at(dp, child));
        i = child;
    }
    place(dp, i, e);
}

static uint64_t due(const struct beba_datapath *dp, const struct beba_entry *e)
{
    uint64_t packets, bytes, used, idle, hard = due_hard(e);

    if (!e->idle)
        return hard;
    beba_tally_sum(dp, e->tally, &packets, &bytes, &used);
    idle = (used > e->installed ? used : e->installed) + e->idle * (uint64_t)NS_PER_S;
    return idle < hard ? idle : hard;
}

void beba_heap_add(struct beba_datapath *dp, struct beba_entry *e)
{
    if (!e->idle && !e->hard)
        return;
    e->due = due(dp, e);
    sift(dp, ++dp->heap.n, e);
}

void beba_heap_remove(struct beba_datapath *dp, struct beba_entry *e)
{
    struct beba_entry *last;
    size_t i = e->heap_at;

    if (!i)
        return;
    e->heap_at = 0;
    last = at(dp, dp->heap.n--);
    if (last != e)
        sift(dp, i, last);
}

int beba_heap_expire(struct beba_datapath *dp, uint64_t now)
{
    while (dp->heap.n && at(dp, 1)->due <= now) {
        struct beba_entry *e = at(dp, 1);
        uint64_t when = due(dp, e);

        if (when > now) {
            e->due = when;
            sift(dp, 1, e);
        } else if (beba_entry_remove(
                       dp, e, due_hard(e) <= now ? OFPRR_HARD_TIMEOUT : OFPRR_IDLE_TIMEOUT, now)) {
            return -ENOMEM;
        }
    }
    return 0;
}
