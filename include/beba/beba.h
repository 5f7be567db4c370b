/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* libbeba: beba in your own program. Load a program (.xfsm), give it packets, read its flows.
 *
 *     struct beba_xfsm *program;
 *     struct beba_dp *dp;
 *     struct beba_frame frame = {.data = bytes, .len = n, .in_port = 1, .now = ns};
 *     struct beba_outcome outcome;
 *
 *     beba_xfsm_load_file("port_knocking.xfsm", &program, NULL);
 *     beba_dp_new(program, NULL, &dp, NULL);
 *     beba_dp_feed(dp, &frame, &outcome);
 *     puts(beba_verdict_text(outcome.verdict));
 *     beba_dp_free(dp);
 *     beba_xfsm_free(program);
 *
 * Objects. A beba_xfsm is a loaded, checked program: read-only. A beba_dp is a data plane that runs
 * one: flow tables, globals, sets, counters, events. Both are opaque. What programs mean is in
 * docs/machine.md, how they are written in docs/language.md; docs/library.md is a guide to this
 * file.
 *
 * Ownership. Who makes a thing frees it: beba_xfsm_free, beba_dp_free; both take NULL. A program
 * must outlive the data planes made from it. Packets stay the caller's, are touched only during the
 * call they are given to, and are edited where they stand. Texts that come back through a char **
 * belong to the caller, who gives them to beba_free. All other texts and arrays belong to the
 * object they were asked of: names (of machines, rules, states, ...) live as long as the program,
 * everything else (keys, values, copies) until the next call with the same data plane.
 *
 * Threads. There is no global state. One thread at a time may use a data plane; different threads
 * may use different ones, also of the same program. A program may be used by many threads at once.
 * No function may be called from a signal handler.
 *
 * Memory. A data plane takes its memory when it is made. beba_dp_run and beba_dp_feed take none
 * after that, except when a batch is larger than every one before; they make no system calls.
 *
 * Units. Times are nanoseconds on whatever clock the caller uses for frames; it should not run
 * backwards. Sizes are bytes; ports are numbers of the caller's choice.
 *
 * Errors. Functions that can fail return 0 (or a count, where they say so), or a negative errno.
 * Those whose failure a person should understand also fill a beba_message. -EINVAL is returned by
 * every function for a NULL it does not allow, and for a structure whose size is too small.
 * -ENOENT: no such name or index; so a loop over indices ends at the first -ENOENT, or NULL.
 *
 * Versions. The shared library's soname changes only when programs must be compiled again. Within
 * one soname, functions and enumerators are only added. A structure that may grow begins with its
 * size, which the caller sets, and the library never writes beyond it; what the library does not
 * know of an options structure must be 0. The structures without a size never change. Values that
 * this header does not name may come with later versions: treat an unknown verdict as a drop. */
#ifndef BEBA_BEBA_H
#define BEBA_BEBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef BEBA_API
#define BEBA_API __attribute__((visibility("default")))
#endif

/* --- version ------------------------------------------------------------------------------- */

/* Of this header. Numbers are major * 1000000 + minor * 1000 + patch. */
#define BEBA_VERSION_MAJOR  0
#define BEBA_VERSION_MINOR  1
#define BEBA_VERSION_PATCH  0
#define BEBA_VERSION_NUMBER 1000u

/* Of the library in use. "0.1.0" */
BEBA_API const char *beba_version(void);
BEBA_API unsigned beba_version_number(void);

/* --- common -------------------------------------------------------------------------------- */

/* Why a call failed, for people: what is wrong, where, what to do; without newline at the end.
 * Given by the caller; may be NULL everywhere; "" after success. */
struct beba_message {
    char text[1280];
};

/* A value with a name: a key field, a register, a global, a field of a notification. */
struct beba_named {
    const char *name;
    const char *text;   /* as the language writes it: "10.0.0.1", "80", "1500ms" */
    uint64_t high, low; /* the number; high is 0 up to 64 bits */
    uint32_t bits;      /* its width, 1..128 */
    uint32_t reserved;
};

/* Frees a text that came back through a char **. NULL is allowed. */
BEBA_API void beba_free(char *text);

/* --- programs ------------------------------------------------------------------------------ */

struct beba_xfsm;

/* Loads a program. 0 and *out; or -errno and *out = NULL: -EINVAL when there are errors in it,
 * -ENOENT and the like when the file cannot be read, -ENOMEM. *diagnostics (may be NULL) gets the
 * errors and warnings as text with places, source lines and carets; NULL when there are none, and
 * there may be warnings after success. A path "-" is standard input. name stands for the text in
 * diagnostics, and includes are relative to its directory. */
BEBA_API int beba_xfsm_load_file(const char *path, struct beba_xfsm **out, char **diagnostics);
BEBA_API int beba_xfsm_load_text(const char *name, const char *text, size_t len,
                                 struct beba_xfsm **out, char **diagnostics);
BEBA_API void beba_xfsm_free(struct beba_xfsm *program);

/* Names in the program, by index from 0; NULL past the last. Machines run in this order. */
BEBA_API const char *beba_xfsm_machine(const struct beba_xfsm *program, uint32_t i);
BEBA_API const char *beba_xfsm_state(const struct beba_xfsm *program, const char *machine,
                                     uint32_t i);
BEBA_API const char *beba_xfsm_counter(const struct beba_xfsm *program, uint32_t i);
BEBA_API const char *beba_xfsm_global(const struct beba_xfsm *program, uint32_t i);
BEBA_API const char *beba_xfsm_array(const struct beba_xfsm *program, uint32_t i);
BEBA_API const char *beba_xfsm_set(const struct beba_xfsm *program, uint32_t i);

/* The state diagrams, as a Graphviz document. */
BEBA_API int beba_xfsm_graph(const struct beba_xfsm *program, char **dot);

/* What the tests inside a program gave. */
struct beba_test_info {
    size_t size;
    uint32_t tests, failed;
    uint32_t states, states_reached; /* coverage */
    uint32_t rules, rules_taken;
};

/* Runs the program's own tests, each on a data plane of its own. 0 when all hold, 1 when some
 * failed, -errno when they cannot be run. out and *failures may be NULL; *failures gets a line
 * "file:line:column: test "NAME": expected ..." a failure, NULL when there are none. */
BEBA_API int beba_xfsm_test(const struct beba_xfsm *program, struct beba_test_info *out,
                            char **failures);

/* --- data planes --------------------------------------------------------------------------- */

struct beba_dp;

/* All zero but size: the defaults. */
struct beba_dp_options {
    size_t size;
    uint64_t seed;         /* of random(n); with fixed_seed also of the flow tables' hash */
    uint64_t capacity;     /* of every flow table, instead of what the program says; 0 = that */
    const char *state_dir; /* flow tables in files DIR/MACHINE.ft, which a later data plane goes on
                              with; NULL = private memory. Not kept after the call. */
    uint32_t events;       /* room for events nobody has taken yet; 0 = 4096 */
    uint32_t copy_bytes;   /* room for the mirrored copies of one run; 0 = 1 MiB */
    uint32_t batch;        /* frames to make room for; 0 = 256 */
    bool fixed_seed;       /* runs repeat exactly; an attacker may learn to fill a bucket */
    bool all_events;       /* expiries and evictions become events, too */
    uint8_t reserved[2];
};

/* options may be NULL. */
BEBA_API int beba_dp_new(const struct beba_xfsm *program, const struct beba_dp_options *options,
                         struct beba_dp **out, struct beba_message *message);
BEBA_API void beba_dp_free(struct beba_dp *dp);
/* From the next run on, packets go through native code, which the system's C compiler ($BEBA_CC,
 * $CC, cc, gcc or clang) makes of the program now: that may take seconds. Flows and all else stay.
 * -ENOENT: there is no compiler; -EIO: it failed; -ETIMEDOUT; all then goes on as before. */
BEBA_API int beba_dp_native(struct beba_dp *dp, struct beba_message *message);

/* --- packets ------------------------------------------------------------------------------- */

/* What the first byte of a frame is. */
enum {
    BEBA_FRAME_ETHERNET,
    BEBA_FRAME_IP,   /* IPv4 or IPv6, told apart by the version */
    BEBA_FRAME_SLL,  /* Linux cooked, version 1 */
    BEBA_FRAME_SLL2, /* Linux cooked, version 2 */
};

/* A packet in the caller's memory. A program may edit it: bytes change where they are, and a tag
 * that is pushed or popped takes room from, or gives it to, head- or tailroom. So data, len,
 * wire_len, headroom, tailroom, metadata and queue may differ after a run. Without room an edit is
 * left out, and counted (beba_totals). */
struct beba_frame {
    uint8_t *data;
    uint32_t len;      /* bytes at data */
    uint32_t wire_len; /* bytes the packet had on the wire; less than len (0) means len */
    uint32_t headroom; /* bytes before data that may be used; a tag takes 4 */
    uint32_t tailroom; /* bytes after data + len that may be used */
    uint32_t in_port;
    uint32_t queue;    /* set by the program's queue statement */
    uint64_t now;      /* ns */
    uint64_t metadata; /* a word that machines may pass on */
    uint8_t link;      /* BEBA_FRAME_... */
    uint8_t reserved[7];
};

enum {
    BEBA_PASS = 1, /* onward, as your program does with packets it lets through */
    BEBA_DROP,
    BEBA_OUTPUT, /* to outcome.port */
    BEBA_REPLY,  /* back out of the input port, which is outcome.port */
    BEBA_FLOOD,  /* to all ports but the input port */
    BEBA_PUNT,   /* to whoever controls you */
};

/* What made the verdict. */
enum {
    BEBA_BY_RULE,    /* of a rule's own */
    BEBA_BY_DEFAULT, /* the machine's default */
    BEBA_BY_NO_KEY,  /* the packet lacks a field of the key */
    BEBA_BY_FULL,    /* the flow table had no room */
    BEBA_BY_END,     /* the last machine said next */
};

struct beba_outcome {
    uint8_t verdict; /* BEBA_PASS, ... */
    uint8_t reason;  /* BEBA_BY_... */
    uint8_t reserved[2];
    uint32_t port;               /* of BEBA_OUTPUT and BEBA_REPLY */
    uint32_t rule_id;            /* for beba_dp_rule; UINT32_MAX when there was none */
    uint32_t first_copy, copies; /* for beba_dp_copy */
    uint32_t reserved2;
    const char *machine; /* that decided; NULL when there was none */
    const char *rule;    /* as the program has it, "on tcp.dst == 22"; NULL when none */
};

/* "pass"; "unknown" for a number that is none. */
BEBA_API const char *beba_verdict_text(unsigned verdict);
/* "rule", "default", ... */
BEBA_API const char *beba_reason_text(unsigned reason);

/* Runs one frame; n frames, in order: outcomes[i] belongs to frames[i]. Batches are faster than
 * frames one by one; from some tens on, larger ones gain nothing. When these fail, nothing has run:
 * -EINVAL (no data, a link that is none), -ENOMEM. */
BEBA_API int beba_dp_feed(struct beba_dp *dp, struct beba_frame *frame,
                          struct beba_outcome *outcome);
BEBA_API int beba_dp_run(struct beba_dp *dp, struct beba_frame *frames, uint32_t n,
                         struct beba_outcome *outcomes);

/* Runs one frame like beba_dp_feed, and tells what happened and why: key, entry, timeouts, every
 * guard that was tried with the values that made it true or false, statements, verdict. -ENOMEM
 * with *text = NULL: it ran, but there is no text. */
BEBA_API int beba_dp_explain(struct beba_dp *dp, struct beba_frame *frame,
                             struct beba_outcome *outcome, char **text);

/* A copy that a mirror statement made. */
struct beba_copy {
    const uint8_t *data;
    uint32_t len, wire_len;
    uint32_t port;
    uint32_t reserved;
};

/* Copy i of the last run, feed or explanation. */
BEBA_API int beba_dp_copy(const struct beba_dp *dp, uint32_t i, struct beba_copy *out);

/* Builds a frame from fields, as the send of a test does: "{ ip4.src = 10.0.0.1, udp.dst = 53 }".
 * It gets the headers that follow from the fields, and right lengths and checksums. It stands
 * behind headroom bytes in buf; in_port is 1, now is 0. -EINVAL (message: why), -ENOBUFS. */
BEBA_API int beba_frame_build(const char *fields, uint8_t *buf, size_t size, uint32_t headroom,
                              struct beba_frame *out, struct beba_message *message);

/* --- flows --------------------------------------------------------------------------------- */

#define BEBA_NO_TIMEOUT UINT64_MAX

/* A flow as it is at a time: timeouts that are due by then have happened in what is told, while the
 * entry itself waits for a packet or a sweep. */
struct beba_flow_info {
    size_t size;
    const char *machine, *state;
    const char *key; /* "ip.src=10.0.0.1" */
    const struct beba_named *field, *reg;
    uint32_t fields, regs; /* how many */
    uint64_t age;          /* ns since the entry was made, exact to 17 ms */
    uint64_t in_state;     /* ns since the state was entered */
    uint64_t idle;         /* ns since the last packet */
    uint64_t timeout_in;   /* ns to the next timeout; BEBA_NO_TIMEOUT when none runs */
};

/* Walks the flows of a machine, or of all (NULL), as they are at now. *cursor starts at 0. 1 = a
 * flow, 0 = the end, -errno. Packets may be run in between: flows that are there throughout are
 * seen once, others at most once. */
BEBA_API int beba_dp_next_flow(struct beba_dp *dp, const char *machine, uint64_t now,
                               uint64_t *cursor, struct beba_flow_info *out);
/* The flow of a frame in a machine, at the frame's now; the frame is not run. 1 = found, 0 = the
 * frame has no key there or the key no flow, -errno. */
BEBA_API int beba_dp_flow_of(struct beba_dp *dp, const char *machine,
                             const struct beba_frame *frame, struct beba_flow_info *out);

/* Frees flows whose timeouts are due but which no packet has met: looks at up to buckets buckets
 * (of 16 entries) of each flow table, going on where the last call stopped. Returns the number of
 * flows freed. Not calling it costs room, nothing else. */
BEBA_API uint64_t beba_dp_sweep(struct beba_dp *dp, uint32_t buckets, uint64_t now);

/* --- counters ------------------------------------------------------------------------------ */

struct beba_rule_info {
    size_t size;
    const char *machine;
    const char *state; /* NULL: a rule of every state, or of a machine without states */
    const char *rule;  /* "on tcp.dst == 22" */
    const char *file;
    uint32_t line, column; /* from 1 */
    uint64_t packets, bytes;
};

/* All rules of the program have numbers from 0. */
BEBA_API int beba_dp_rule(const struct beba_dp *dp, uint32_t rule_id, struct beba_rule_info *out);

struct beba_machine_info {
    size_t size;
    uint64_t entries, capacity; /* flows; both 0 for a machine without key */
    uint64_t memory;            /* bytes of the flow table */
    uint64_t lookups, hits, creations, evictions, refusals, expiries;
    uint64_t frees;  /* entries that returned to the start */
    uint64_t no_key; /* packets that lacked a field of the key */
};

BEBA_API int beba_dp_machine(const struct beba_dp *dp, const char *machine,
                             struct beba_machine_info *out);

/* A named counter: count NAME. */
BEBA_API int beba_dp_counter(const struct beba_dp *dp, const char *name, uint64_t *packets,
                             uint64_t *bytes);

struct beba_totals {
    size_t size;
    uint64_t packets, bytes;
    uint64_t verdict[8];               /* by BEBA_PASS, ... */
    uint64_t reason[8];                /* by BEBA_BY_... */
    uint64_t events_lost, copies_lost; /* for want of room */
    uint64_t edits_failed;             /* a push without room, a pop without a tag */
};

BEBA_API int beba_dp_totals(const struct beba_dp *dp, struct beba_totals *out);

/* --- globals, arrays, sets ----------------------------------------------------------------- */

BEBA_API int beba_dp_global(struct beba_dp *dp, const char *name, struct beba_named *out);
/* A cell of an array; row 0 of one that has one dimension. Indices are taken modulo the size. */
BEBA_API int beba_dp_cell(const struct beba_dp *dp, const char *array, uint64_t row,
                          uint64_t column, uint64_t *out);

/* Changes a set. element is text as the language has it: "10.0.0.0/8", "80", "1024..65535".
 * -EINVAL (not an element of this set's type), -EEXIST, -ENOENT (no such set, or element),
 * -ENOSPC. */
BEBA_API int beba_dp_set_add(struct beba_dp *dp, const char *set, const char *element,
                             struct beba_message *message);
BEBA_API int beba_dp_set_del(struct beba_dp *dp, const char *set, const char *element,
                             struct beba_message *message);
/* Element i of a set, sorted, as text; -ENOENT past the last. */
BEBA_API int beba_dp_set_element(struct beba_dp *dp, const char *set, uint32_t i,
                                 const char **element);

/* --- events -------------------------------------------------------------------------------- */

enum {
    BEBA_EVENT_IS_NOTICE,  /* notify "text" { fields } */
    BEBA_EVENT_IS_ENTERED, /* a state that the program marked notify was entered */
    BEBA_EVENT_IS_EXPIRED, /* these two with options.all_events */
    BEBA_EVENT_IS_EVICTED,
};

struct beba_event_info {
    size_t size;
    uint64_t time; /* ns */
    uint32_t kind; /* BEBA_EVENT_IS_... */
    uint32_t fields;
    const struct beba_named *field; /* of a notice: values by name */
    const char *text;               /* of a notice; NULL of others */
    const char *line;               /* all of it in one line, for logs */
    const char *machine;
    const char *key;       /* "ip.src=10.0.0.1"; NULL: the machine has no key */
    const char *from, *to; /* states; NULL where they do not apply */
};

/* Takes the oldest event: 1, or 0 when there is none. */
BEBA_API int beba_dp_event(struct beba_dp *dp, struct beba_event_info *out);

#ifdef __cplusplus
}
#endif

#endif
