/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "io/xdp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { FRAMES = 16384, HUGE_PAGE = 2 << 20 };

/* Beginning with a huge page, where the system gives them. */
static uint8_t *map(size_t size)
{
    uint8_t *p =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    if (p == MAP_FAILED)
        return NULL;
    before = -(uintptr_t)p % HUGE_PAGE;
    if (before)
        munmap(p, before);
    munmap(p + before + size, HUGE_PAGE - before);
    madvise(p + before, size, MADV_HUGEPAGE);
    return p + before;
}

static void destroy(struct beba_xdp_memory *m)
{
    if (m->base)
        munmap(m->base, m->size);
    pthread_mutex_destroy(&m->lock);
    free(m->free);
    free(m->owner);
    free(m);
}

static struct beba_xdp_memory *create(unsigned thread, uint32_t shift, uint32_t n)
{
    struct beba_xdp_memory *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    pthread_mutex_init(&m->lock, NULL);
    m->thread = thread;
    m->shift = shift;
    m->n = n;
    m->size = (((size_t)n << shift) + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    m->base = map(m->size);
    m->free = malloc(n * sizeof(*m->free));
    m->owner = calloc(n, 1);
    if (!m->base || !m->free || !m->owner) {
        destroy(m);
        return NULL;
    }
    while (m->n_free < n) {
        m->free[m->n_free] = n - 1 - m->n_free;
        m->n_free++;
    }
    m->ids[0] = 1; /* nobody's */
    return m;
}

static bool take_id(struct beba_xdp_memory *m, uint8_t *id)
{
    for (unsigned i = 0; i < 2; i++) {
        if (~m->ids[i]) {
            unsigned bit = (unsigned)__builtin_ctzll(~m->ids[i]);

            m->ids[i] |= 1ull << bit;
            *id = (uint8_t)(64 * i + bit);
            return true;
        }
    }
    return false;
}

int beba_xdp_memory_get(struct beba_port *port, bool alone, uint32_t shift, uint32_t need,
                        struct beba_xdp_memory **out, uint8_t *id)
{
    struct beba_xdp_memory **list = &port->opts.group->xdp_memories;
    struct beba_xdp_memory *m;
    uint32_t n = !alone && need < FRAMES ? FRAMES : need;

    for (m = *list; m; m = m->next) {
        if (m->thread == port->opts.queue && m->shift == shift && m->n - m->reserved >= need &&
            take_id(m, id))
            break;
    }
    if (!m) {
        m = create(port->opts.queue, shift, n);
        if (!m)
            return -ENOMEM;
        take_id(m, id);
        m->next = *list;
        *list = m;
    }
    m->refs++;
    m->reserved += need;
    *out = m;
    return 0;
}

void beba_xdp_memory_put(struct beba_port *port, struct beba_xdp_memory *memory, uint32_t need,
                         uint8_t id)
{
    struct beba_xdp_memory **at = &port->opts.group->xdp_memories;

    pthread_mutex_lock(&memory->lock);
    for (uint32_t i = 0; i < memory->n; i++) {
        if ((beba_xdp_owner(memory, i) & ~BEBA_XDP_HELD) == id)
            beba_xdp_free(memory, i);
    }
    pthread_mutex_unlock(&memory->lock);
    memory->ids[id / 64] &= ~(1ull << id % 64);
    memory->reserved -= need;
    if (--memory->refs)
        return;
    while (*at != memory)
        at = &(*at)->next;
    *at = memory->next;
    destroy(memory);
}
