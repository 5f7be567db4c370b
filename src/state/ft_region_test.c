/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tables in files: joined again, locked, damaged, on a full disk, and after a writer was killed.
 *
 * BEBA_FT_KILLS: how often the writer is killed, 30 by default. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "state/ft_core.h"

enum { REGS = 40, CAPACITY = 500, FLOWS = 450, N_STATES = 1000 };

static const uint8_t init[REGS] = {1, 2, 3};

static const struct beba_ft_desc base = {
    .key_size = 8,
    .regs_size = REGS,
    .regs_init = init,
    .n_states = N_STATES,
    .capacity = CAPACITY,
    .full = BEBA_FT_REFUSE,
    .schema = "key ip.src ip.dst; states 1000",
};

struct place {
    char dir[32], file[48];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    strcpy(p->dir, "/tmp/beba-ft-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/flows", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    unlink(p->file);
    assert_int_equal(rmdir(p->dir), 0); /* no temporary file stays behind */
    free(p);
    return 0;
}

static void must_open(struct beba_ft_region *region, const char *file, struct beba_ft **ft)
{
    struct beba_error err;

    if (beba_ft_open(region, file, &base, ft, &err))
        fail_msg("%s", err.what);
    if (beba_ft_verify(*ft, &err))
        fail_msg("%s", err.what);
}

static void make_key(uint32_t key[2], uint32_t i)
{
    key[0] = i;
    key[1] = ~i;
}

static struct beba_ft_entry *find(struct beba_ft *ft, uint32_t i)
{
    uint32_t key[BEBA_FT_KEY_MAX / 4] = {0};

    make_key(key, i);
    return beba_ft_peek(ft, key, beba_ft_hash(ft, key));
}

static struct beba_ft_entry *insert(struct beba_ft *ft, uint32_t i, uint64_t now)
{
    uint32_t key[BEBA_FT_KEY_MAX / 4] = {0};
    bool evicted;

    make_key(key, i);
    return beba_ft_insert(ft, key, beba_ft_hash(ft, key), now, NULL, &evicted);
}

/* Contents that all follow from one number, so that a torn entry shows. */
static void contents(uint64_t value, uint32_t *state, uint64_t *entered, uint64_t *used,
                     uint8_t regs[REGS])
{
    *state = (uint32_t)(beba_splitmix64(value) % N_STATES);
    *entered = beba_splitmix64(value + 1);
    *used = beba_splitmix64(value + 2);
    for (unsigned i = 0; i < REGS; i += 8) {
        uint64_t r = beba_splitmix64(value + 3 + i);

        memcpy(regs + i, &r, 8);
    }
}

static void change(struct beba_ft *ft, struct beba_ft_entry *e, uint64_t value)
{
    uint8_t regs[REGS];
    uint32_t state;
    uint64_t entered, used;

    contents(value, &state, &entered, &used, regs);
    beba_ft_store(ft, e, state, entered, used, regs);
}

static bool holds(struct beba_ft *ft, struct beba_ft_entry *e, uint64_t value)
{
    uint8_t regs[REGS];
    uint32_t state;
    uint64_t entered, used;

    contents(value, &state, &entered, &used, regs);
    return e->state == state && e->entered == entered && e->used == used &&
           !memcmp(beba_ft_regs(ft, e), regs, REGS);
}

static void private_memory_needs_no_file(void **state)
{
    struct beba_ft_region region;
    struct beba_ft *ft;

    must_open(&region, NULL, &ft);
    assert_int_equal(region.fd, -1);
    change(ft, insert(ft, 1, 1), 5);
    assert_true(holds(ft, find(ft, 1), 5));
    beba_ft_close(&region);
    assert_null(region.mem);
    beba_ft_close(&region); /* twice is harmless */
}

static void two_tables_have_two_secrets(void **state)
{
    struct beba_ft_region a, b;
    struct beba_ft *x, *y;
    uint32_t key[BEBA_FT_KEY_MAX / 4] = {1, 2};

    must_open(&a, NULL, &x);
    must_open(&b, NULL, &y);
    assert_true(beba_ft_hash(x, key) != beba_ft_hash(y, key));
    beba_ft_close(&a);
    beba_ft_close(&b);
}

static void a_file_survives(void **state)
{
    struct place *p = *state;
    struct beba_ft_region region;
    struct beba_ft *ft;
    struct stat st;

    must_open(&region, p->file, &ft);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    for (uint32_t i = 0; i < CAPACITY; i++)
        change(ft, insert(ft, i, 1), i);
    beba_ft_close(&region);

    must_open(&region, p->file, &ft);
    assert_int_equal(beba_ft_entries(ft), CAPACITY);
    assert_int_equal(beba_ft_counters(ft)->creations, CAPACITY);
    assert_string_equal(beba_ft_schema(ft), base.schema);
    for (uint32_t i = 0; i < CAPACITY; i++)
        assert_true(holds(ft, find(ft, i), i));
    beba_ft_close(&region);
}

static void expect_error(const char *file, const struct beba_ft_desc *desc, int code,
                         const char *what)
{
    struct beba_ft_region region;
    struct beba_error err = {0};
    struct beba_ft *ft;

    assert_int_equal(beba_ft_open(&region, file, desc, &ft, &err), code);
    if (!strstr(err.what, what))
        fail_msg("'%s' does not say '%s'", err.what, what);
    assert_string_equal(err.where, file);
    assert_true(strlen(err.hint) > 0 || code == -ENOENT || code == -EISDIR || code == -EACCES);
    assert_null(region.mem);
    assert_int_equal(region.fd, -1);
}

static void one_writer_at_a_time(void **state)
{
    struct place *p = *state;
    struct beba_ft_region region;
    struct beba_ft *ft;

    must_open(&region, p->file, &ft);
    expect_error(p->file, &base, -EBUSY, "another process");
    beba_ft_close(&region);
    must_open(&region, p->file, &ft);
    beba_ft_close(&region);
}

static void a_file_of_another_program_is_named(void **state)
{
    static const struct beba_timeouts states[N_STATES] = {[7] = {.idle = 5, .idle_to = 1}};
    struct place *p = *state;
    struct beba_ft_region region;
    struct beba_ft *ft;
    struct beba_ft_desc desc;
    uint8_t other[REGS] = {1, 2, 4};

    must_open(&region, p->file, &ft);
    beba_ft_close(&region);
    desc = base;
    desc.schema = "key eth.src";
    expect_error(p->file, &desc, -ESTALE, "made for 'key ip.src ip.dst; states 1000'");
    desc = base;
    desc.key_size = 9;
    expect_error(p->file, &desc, -ESTALE, "key size of 8, the program has 9");
    desc = base;
    desc.regs_size = 8;
    expect_error(p->file, &desc, -ESTALE, "register size of 40, the program has 8");
    desc = base;
    desc.n_states = 3;
    expect_error(p->file, &desc, -ESTALE, "number of states of 1000, the program has 3");
    desc = base;
    desc.capacity = 501;
    expect_error(p->file, &desc, -ESTALE, "capacity of 500, the program has 501");
    desc = base;
    desc.full = BEBA_FT_EVICT;
    expect_error(p->file, &desc, -ESTALE, "refuse when full");
    desc = base;
    desc.states = states;
    expect_error(p->file, &desc, -ESTALE, "timeouts of state 7");
    desc = base;
    desc.regs_init = other;
    expect_error(p->file, &desc, -ESTALE, "initial registers");
    must_open(&region, p->file, &ft); /* none of that did harm */
    beba_ft_close(&region);
}

static void write_file(const char *file, const void *data, size_t size)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static void files_that_are_no_tables_are_refused(void **state)
{
    struct place *p = *state;
    struct beba_ft_region region;
    struct beba_ft *ft;
    static uint8_t junk[8192];
    char below[64];

    write_file(p->file, junk, 0);
    expect_error(p->file, &base, -EINVAL, "not a flow table");
    write_file(p->file, junk, 10);
    expect_error(p->file, &base, -EBADMSG, "shorter than its header");
    write_file(p->file, junk, sizeof(junk));
    expect_error(p->file, &base, -EINVAL, "not a flow table");
    unlink(p->file);

    must_open(&region, p->file, &ft);
    ft->magic = __builtin_bswap64(ft->magic);
    beba_ft_close(&region);
    expect_error(p->file, &base, -EINVAL, "other order");
    unlink(p->file);

    must_open(&region, p->file, &ft);
    ft->version++;
    beba_ft_close(&region);
    expect_error(p->file, &base, -EPROTO, "format version 2, this program uses version 1");
    unlink(p->file);

    must_open(&region, p->file, &ft);
    assert_int_equal(ftruncate(region.fd, (off_t)(ft->size - 4096)), 0);
    beba_ft_close(&region);
    expect_error(p->file, &base, -EBADMSG, "cut short");
    unlink(p->file);

    expect_error(p->dir, &base, -EISDIR, "cannot open");
    snprintf(below, sizeof(below), "%s/no/such", p->dir);
    expect_error(below, &base, -ENOENT, "cannot create");
    assert_int_equal(mkfifo(p->file, 0600), 0);
    expect_error(p->file, &base, -EINVAL, "not a flow table");
}

/* The limit on file sizes stands for a full disk: the answer comes when the file is made. */
static void a_full_disk_is_an_error_not_a_signal(void **state)
{
    struct place *p = *state;
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (!pid) {
        struct rlimit limit = {8192, 8192};
        struct beba_ft_region region;
        struct beba_error err;
        struct beba_ft *ft;
        int rc;

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        rc = beba_ft_open(&region, p->file, &base, &ft, &err);
        _exit(rc == -EFBIG && strstr(err.what, "no room") && strstr(err.hint, "disk") ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(access(p->file, F_OK), -1);
}

static void a_half_done_change_is_undone(void **state)
{
    struct place *p = *state;
    struct beba_ft_region region;
    struct beba_error err;
    struct beba_ft *ft;
    struct beba_ft_entry *e;

    must_open(&region, p->file, &ft);
    e = insert(ft, 3, 1);
    change(ft, e, 10);
    /* As if killed in the middle of the next change. */
    ft->undo.used = e->used;
    ft->undo.entered = e->entered;
    ft->undo.state = e->state;
    memcpy(ft->undo.regs, beba_ft_regs(ft, e), REGS);
    ft->undo.entry = BEBA_FT_UNDO_MARK + BEBA_FT_OFFSET(ft, e);
    e->state = 999;
    memset(beba_ft_regs(ft, e), 0xee, REGS / 2);
    ft->count = 77;
    assert_int_equal(beba_ft_verify(ft, &err), -EBADMSG);
    beba_ft_close(&region);

    must_open(&region, p->file, &ft);
    assert_true(holds(ft, find(ft, 3), 10));
    assert_int_equal(beba_ft_entries(ft), 1);
    beba_ft_close(&region);
}

/* Any byte may change: join gives an error, or a table that is sound. Where the head has changed,
 * also one with all that was in it. */
static void damage_never_goes_further(void **state)
{
    struct beba_ft_region region;
    struct beba_ft *ft;
    uint8_t *good, *mem;
    uint64_t random = 5, joined = 0;
    size_t size;

    must_open(&region, NULL, &ft);
    for (uint32_t i = 0; i < FLOWS; i++)
        change(ft, insert(ft, i, 1), i);
    size = ft->size;
    good = malloc(size);
    mem = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_true(good && mem);
    ft->undo_off = 0;
    memcpy(good, ft, size);
    for (unsigned n = 0; n < 6000; n++) {
        bool head = n % 4 != 0;
        size_t limit = head ? sizeof(struct beba_ft) : size;
        unsigned flips = 1 + n % 3 / 2 * (n % 7);
        struct beba_error err;
        struct beba_ft *again;

        memcpy(mem, good, size);
        for (unsigned k = 0; k < flips; k++) {
            random = beba_splitmix64(random);
            mem[random % limit] ^= (uint8_t)(1u << (random >> 32) % 8);
        }
        if (beba_ft_verify((struct beba_ft *)(void *)mem, &err) && !strlen(err.what))
            fail_msg("an error that says nothing");
        if (beba_ft_join(mem, size, n % 2 ? &base : NULL, &again, &err)) {
            assert_true(strlen(err.what) > 0);
            continue;
        }
        joined++;
        if (beba_ft_verify(again, &err)) {
            /* Only what join does not look for, a key in two places, may be left. */
            assert_false(head);
            continue;
        }
        for (uint32_t i = 0; head && i < FLOWS; i++)
            assert_true(holds(again, find(again, i), i));
        beba_ft_sweep(again, ~0u, ~0ull, NULL, NULL);
    }
    assert_true(joined > 500);
    free(mem);
    free(good);
    beba_ft_close(&region);
}

/* The writer: operations that follow from a seed. done counts those that are complete. */
struct script {
    uint64_t value[FLOWS]; /* what a flow holds; 0 = only inserted */
    bool there[FLOWS];
};

static void step(uint64_t seed, uint64_t n, struct beba_ft *ft, struct script *s)
{
    uint64_t r = beba_splitmix64(seed ^ beba_splitmix64(n));
    uint32_t i = (uint32_t)(r % FLOWS);

    if (!s->there[i]) {
        if (ft)
            insert(ft, i, n);
        s->there[i] = true;
        s->value[i] = 0;
    } else if (r >> 32 & 7) {
        if (ft)
            change(ft, find(ft, i), r | 1);
        s->value[i] = r | 1;
    } else {
        if (ft)
            beba_ft_remove(ft, find(ft, i));
        s->there[i] = false;
    }
}

static bool as_scripted(struct beba_ft *ft, const struct script *s, uint32_t i)
{
    struct beba_ft_entry *e = find(ft, i);

    if (!s->there[i] || !e)
        return s->there[i] == (e != NULL);
    if (s->value[i])
        return holds(ft, e, s->value[i]);
    return e->state == 0 && !memcmp(beba_ft_regs(ft, e), init, REGS);
}

static void write_until_killed(const char *file, uint64_t seed, struct script s,
                               volatile uint64_t *done)
{
    struct beba_ft_region region;
    struct beba_error err;
    struct beba_ft *ft;

    if (beba_ft_open(&region, file, &base, &ft, &err))
        _exit(1);
    for (uint64_t n = 0;; n++) {
        step(seed, n, ft, &s);
        __asm__ volatile("" ::: "memory");
        *done = n + 1;
    }
}

static void a_killed_writer_leaves_old_or_new(void **state)
{
    struct place *p = *state;
    const char *env = getenv("BEBA_FT_KILLS");
    unsigned kills = env ? (unsigned)strtoul(env, NULL, 0) : 30;
    volatile uint64_t *done =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct script s = {0};
    uint64_t total = 0;

    assert_true(done != MAP_FAILED);
    for (unsigned k = 0; k < kills; k++) {
        struct timespec delay = {0, (long)(beba_splitmix64(k) % 10000000)};
        struct script next;
        struct beba_ft_region region;
        struct beba_ft *ft;
        uint32_t different = 0;
        pid_t pid;
        int status;

        *done = 0;
        pid = fork();
        assert_true(pid >= 0);
        if (!pid)
            write_until_killed(p->file, k, s, done);
        while (!*done && !waitpid(pid, &status, WNOHANG)) /* it has started */
            sched_yield();
        nanosleep(&delay, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && *done > 0);

        for (uint64_t n = 0; n < *done; n++)
            step(k, n, NULL, &s);
        next = s; /* the operation that was under way is done or not */
        step(k, *done, NULL, &next);
        must_open(&region, p->file, &ft); /* verifies */
        for (uint32_t i = 0; i < FLOWS; i++) {
            if (as_scripted(ft, &s, i))
                continue;
            assert_true(as_scripted(ft, &next, i));
            different++;
        }
        assert_true(different <= 1);
        if (different)
            s = next;
        total += *done;
        beba_ft_close(&region);
    }
    assert_true(total > kills);
    munmap((void *)(uintptr_t)done, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_memory_needs_no_file),
        cmocka_unit_test(two_tables_have_two_secrets),
        cmocka_unit_test_setup_teardown(a_file_survives, setup, teardown),
        cmocka_unit_test_setup_teardown(one_writer_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_another_program_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_are_no_tables_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_an_error_not_a_signal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_half_done_change_is_undone, setup, teardown),
        cmocka_unit_test(damage_never_goes_further),
        cmocka_unit_test_setup_teardown(a_killed_writer_leaves_old_or_new, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
