/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the files of kernel/. */
#ifndef BEBA_KERNEL_INTERNAL_H
#define BEBA_KERNEL_INTERNAL_H

#include <linux/types.h>
#include <stdio.h>

#include "base/error.h"
#include "kernel/kernel.h"
#include "state/ft_core.h"

enum {
    ROOT_MAX = 512,          /* bytes of a path of a root */
    PATH_LEN = 1024,         /* of a path below it */
    GATE_PRIORITY = 0xbeba,  /* of filters of clsact */
    LOG_SIZE = 16 * 1 << 20, /* the verifier's; touched only when it refuses */
    KERNEL_ENTRY = (int)sizeof(struct beba_ft_entry) + BEBA_FT_KEY_MAX + BEBA_FT_REGS_MAX,
};
#define NEW_SUFFIX "~new"

/* Names: names.c ----------------------------------------------------------------------------- */

/* The root that holds, without a slash at the end. */
int beba_kernel_root(const char *given, char out[ROOT_MAX], struct beba_error *err);
/* "link_xdp_1_eth0", and back; false when it is the name of no attachment. */
void beba_point_name(const struct beba_kernel_device *d, char out[64]);
bool beba_point_parse(const char *name, struct beba_kernel_device *out);
__attribute__((format(printf, 2, 3))) void beba_kernel_warn(const struct beba_kernel_opts *opts,
                                                            const char *fmt, ...);

/* What went wrong: refuse.c ------------------------------------------------------------------ */

/* rc (negative) of doing something with BPF, with the reason that this machine gives for it. */
int beba_kernel_error(struct beba_error *err, int rc, const char *doing);
/* The verifier's log as an error at a line of the program's text. */
/* True when the verifier's log says that it gave up on so large a program. */
bool beba_kernel_too_large(const char *log);
int beba_kernel_refused(struct beba_error *err, int rc, const char *log, const char *file,
                        const char *text, size_t text_size);
/* Enough memory for bytes of maps, by what the system says is available. */
int beba_kernel_has_memory(uint64_t bytes, struct beba_error *err);

/* The BPF file system: bpffs.c --------------------------------------------------------------- */

/* Makes sure that root is a directory in a BPF file system, mounting one where that is usual.
 * make: create it; otherwise -ENOENT when it is not there. Takes the lock and returns its
 * descriptor: close it to unlock. Removes what killed commands left, if it may. */
int beba_kernel_lock(const char *root, bool exclusive, bool make, struct beba_error *err);
bool beba_kernel_is_there(const char *root, const char *name);
/* Removes a directory and all that is pinned in it; points: detaches what is attached, too. */
int beba_kernel_remove(const char *root, const char *name, bool points, struct beba_error *err);
int beba_kernel_pin(int fd, const char *dir, const char *name, struct beba_error *err);
/* Calls fn with each name in a directory, sorted. */
int beba_kernel_each(const char *dir, int (*fn)(void *arg, const char *name), void *arg);
/* Id of a pinned program, or of the one in the gate's slot; 0 = none. */
uint32_t beba_pinned_program(const char *dir, const char *name);
uint32_t beba_gate_program(const char *dir);

/* Maps and programs: maps.c ------------------------------------------------------------------ */

struct kmap {
    int fd; /* -1: the program has none */
    uint32_t key_size, value_size, max_entries;
    uint8_t *mem; /* mapped; NULL: not */
    size_t size;
    bool writable;
};

enum {
    KMAP_META,
    KMAP_SHARED,
    KMAP_CPU,
    KMAP_PORTS,
    KMAP_IN_PORT,
    KMAP_EVENTS,
    KMAP_NEXT,
    KMAP_MAINS,
    KMAP_CONTROLS,
    N_KMAPS
};
extern const char *const beba_map_names[N_KMAPS];

enum { PROG_MAIN, PROG_CONTROL, PROG_GATE, N_PROGS };
extern const char *const beba_prog_names[N_PROGS];

struct ktable {
    struct kmap map;
    uint32_t n_regions; /* 1, or one a CPU */
    size_t stride;      /* bytes between them */
};

struct beba_kernel {
    struct beba_arena arena;
    char root[ROOT_MAX], name[BEBA_KERNEL_NAME];
    struct kmap map[N_KMAPS];
    int prog[N_PROGS];
    struct beba_object_meta meta;
    char *text; /* of the program */
    struct beba_kernel_device device[BEBA_KERNEL_DEVICES];
    unsigned n_devices;
    bool test;

    const struct beba_pipeline *p; /* NULL: not bound */
    struct beba_object_layout layout;
    struct ktable *table; /* one each */
    struct kmap *set;
    uint8_t entry[KERNEL_ENTRY] __attribute__((aligned(64)));
    void *ring; /* struct ring_buffer */
    beba_kernel_record_fn record;
    void *record_arg;
};

struct beba_kernel *beba_kernel_alloc(const char *root, const char *name, struct beba_error *err);
/* Layout and room for the tables and sets of p. */
int beba_kernel_shape(struct beba_kernel *k, const struct beba_pipeline *p, struct beba_error *err);
/* Takes over fd, and reads the map's sizes. */
int beba_kmap_take(struct kmap *m, int fd);
/* Maps it into memory, for writing too. */
int beba_kmap_map(struct kmap *m, bool write);
void beba_kmap_drop(struct kmap *m);
/* The map that a pinned name stands for; NULL: none of this program. */
struct kmap *beba_kernel_map_of(struct beba_kernel *k, const char *name);
/* Maps all that is looked at directly; write: for making. */
int beba_kernel_map_all(struct beba_kernel *k, bool write, struct beba_error *err);
/* Every map and program into dir. */
int beba_kernel_pin_all(const struct beba_kernel *k, const char *dir, struct beba_error *err);

BEBA_INLINE struct beba_ft *ktable_region(const struct ktable *t, uint32_t i)
{
    return (struct beba_ft *)(void *)(t->map.mem + i * t->stride);
}

/* Loading: load.c; values: fill.c ------------------------------------------------------------ */

struct kernel_reuse {
    const struct beba_kernel *from; /* the running deployment */
    bool shared;                    /* its beba_shared too */
    int64_t *table;                 /* of the new one's table i: number of the old table whose map
                                       is taken; -1: none */
};
int beba_kernel_load_object(const void *object, size_t size, const struct beba_pipeline *p,
                            const struct beba_kernel_opts *opts, const char *root, const char *name,
                            const struct kernel_reuse *reuse, struct beba_kernel **out,
                            struct beba_error *err);
/* Tables, globals, sets as the program says. Leaves out what is reused. */
int beba_kernel_fill(struct beba_kernel *k, const struct beba_kernel_opts *opts,
                     const struct kernel_reuse *reuse, struct beba_error *err);
int beba_kernel_fill_ports(struct beba_kernel *k, struct beba_error *err);

/* The gate and what holds it: gate.c, point.c, share.c --------------------------------------- */

/* Makes gate and beba_next for a target. */
int beba_gate_new(struct beba_kernel *k, enum beba_target target, struct beba_error *err);
int beba_gate_set(int next_fd, int prog_fd); /* prog_fd -1: nothing */

struct point {
    struct beba_kernel_device *device;
    int link; /* BEBA_HOW_LINK: its descriptor; else -1 */
};
/* Attaches the gate to a device: for links, for as long as the descriptor is open or pinned. dir:
 * where the filter or the dispatcher's share is noted before it is made. */
int beba_point_attach(const struct beba_kernel *k, const char *dir, struct point *point, bool share,
                      struct beba_error *err);
/* Detaches what a name in dir says; links go with their pin. */
int beba_point_detach(const char *dir, const char *name);
/* Who else is attached, for a message; -EBUSY. */
int beba_point_busy(const struct beba_kernel_device *d, const char *root, struct beba_error *err);

/* 0 where the kernel loads a program in the place of another one's function, which the dispatcher
 * needs; -errno. */
int beba_share_probe(void);
int beba_share_attach(const struct beba_kernel *k, const struct beba_kernel_device *d,
                      struct beba_error *err);
int beba_share_detach(const char *dir, const struct beba_kernel_device *d);

/* Sets: kset.c ------------------------------------------------------------------------------- */

/* Calls fn with each prefix that a range is made of; bits: of the type. */
int beba_range_prefixes(const struct beba_range *range, unsigned bits,
                        int (*fn)(void *arg, struct beba_u128 value, unsigned len), void *arg);
/* Adds or removes what is (not) there already, without saying so. */
int beba_kset_put(struct beba_kernel *k, uint32_t set, const struct beba_range *range);
int beba_kset_drop(struct beba_kernel *k, uint32_t set, const struct beba_range *range);

/* Opening under a lock that is held: find.c ------------------------------------------------- */

int beba_kernel_open_at(const char *root, const char *name, struct beba_kernel **out,
                        struct beba_error *err);
int beba_kernel_bind_maps(struct beba_kernel *k, const struct beba_pipeline *p,
                          struct beba_error *err);

/* Carrying over: migrate.c (flows), carry.c (the rest) --------------------------------------- */

struct migration;
/* Compares the programs: what is reused, what is copied, what would be lost. */
int beba_migration_new(struct beba_kernel *old, const struct beba_pipeline *p,
                       struct migration **out, struct beba_error *err);
void beba_migration_free(struct migration *m);
const struct kernel_reuse *beba_migration_reuse(const struct migration *m);
/* The flows that would be lost, as many as there are now. */
void beba_migration_losses(struct migration *m, struct beba_kernel_carried *out);
/* Copies into tables that run no packets yet; returns entries that had changed. */
uint64_t beba_migration_copy(struct migration *m, struct beba_kernel *to);
/* The last changes, into tables that run. Returns those that could not be made. */
uint64_t beba_migration_finish(struct migration *m, struct beba_kernel *to);

/* Globals, arrays, sets, counters, into a program that runs no packets yet. */
int beba_kernel_carry(struct beba_kernel *old, struct beba_kernel *to, bool shared,
                      struct beba_error *err);
/* The same globals, arrays and small sets at the same places. */
bool beba_kernel_same_shared(const struct beba_pipeline *a, const struct beba_pipeline *b);

/* A whole copy of an entry while packets run; false: it is gone. room: KERNEL_ENTRY bytes. */
bool beba_entry_copy(struct beba_ft *ft, uint64_t index, void *room);

#endif
