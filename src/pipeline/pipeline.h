/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The pipeline: the one intermediate representation of beba.
 *
 * Numbered tables; each with an optional flow context (keys, registers, states, timeouts) and
 * prioritised rules (match + guard -> statements). The language and the OpenFlow agent produce it;
 * the interpreter, the emitters, the exporters and the graph printer consume it. It is finite and
 * typed: every expression has a width, there are no loops and no pointers in the value domain.
 *
 * Ownership: all of a pipeline's memory is in its arena; producers fill it through
 * beba_pipeline_new and plain stores, then call beba_pipeline_finish, which checks it and computes
 * layouts (key and register offsets, rule numbers). After that it is read-only and may be shared
 * between threads. Semantics: docs/machine.md. */
#ifndef BEBA_PIPELINE_PIPELINE_H
#define BEBA_PIPELINE_PIPELINE_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/timeout.h"
#include "packet/packet.h"
#include "pipeline/op.h"

struct beba_error;

/* Bounds. A producer that exceeds one gets -E2BIG and a message naming it. */
enum {
    BEBA_MAX_TABLES = 255,
    BEBA_MAX_STATES = 65535,
    BEBA_MAX_REGS = 64,
    BEBA_MAX_LETS = 256, /* per table */
    BEBA_MAX_RULES = 1 << 20,
    BEBA_MAX_KEY_FIELDS = 16,
    BEBA_MAX_DEPTH = 200,     /* of an expression or of nested ifs */
    BEBA_MAX_NOTIFY_ARGS = 8, /* fields of one notification */
    BEBA_MAX_CELLS = 1 << 28, /* of one array */
    BEBA_MAX_NODES =
        1 << 24,       /* expressions and statements of a pipeline, each time it is referred to */
    BEBA_MAX_KEY = 64, /* bytes of a key */
    BEBA_MAX_REGS_SIZE = 256, /* bytes of a table's registers */
};

/* --- expressions --------------------------------------------------------------------------- */

/* Both ends included. Sorted and disjoint within a list. */
struct beba_range {
    struct beba_u128 lo, hi;
};

struct beba_expr {
    uint8_t op;            /* enum beba_op */
    struct beba_type type; /* its width holds every value the expression can have */
    uint8_t n_args;
    uint32_t id; /* field, register, let, global, array, table, layer or set, by op */
    struct beba_u128 k;
    struct beba_expr **arg;
    const struct beba_range *range; /* IN_LIST */
    uint32_t n_ranges;
    struct beba_loc loc;
};

/* Names, arities and spelling of the operations, for printers and parsers: one row an op. */
struct beba_op_info {
    const char *name;   /* "+", "sat_add" */
    uint8_t arity;      /* 255 = any number from 1 (ARRAY: as many as it has dimensions) */
    uint8_t precedence; /* of operators: 1 (||) .. 9 (*), 10 prefix; 0 = function or leaf */
    bool boolean;       /* the result is a truth value */
};
extern const struct beba_op_info beba_ops[BEBA_N_OPS];

/* --- statements ---------------------------------------------------------------------------- */

enum beba_verdict_kind {
    BEBA_VERDICT_NONE, /* fall to the table's default */
    BEBA_VERDICT_PASS,
    BEBA_VERDICT_DROP,
    BEBA_VERDICT_OUTPUT, /* port */
    BEBA_VERDICT_REPLY,
    BEBA_VERDICT_FLOOD,
    BEBA_VERDICT_PUNT,
    BEBA_VERDICT_NEXT, /* the next table; after the last one: pass */
    BEBA_N_VERDICTS
};
const char *beba_verdict_name(enum beba_verdict_kind kind); /* "pass"; "none" */

struct beba_verdict {
    uint8_t kind;
    struct beba_expr *port; /* OUTPUT */
    struct beba_loc loc;
};

enum beba_stmt_kind {
    BEBA_STMT_ASSIGN,
    BEBA_STMT_LET,       /* let slot id = value */
    BEBA_STMT_IF,        /* value ? then : otherwise */
    BEBA_STMT_GOTO,      /* enter state id; restarts its timeouts also when it is the current one */
    BEBA_STMT_VERDICT,   /* ends the rule */
    BEBA_STMT_MIRROR,    /* copy of the packet as it is now to port value */
    BEBA_STMT_NOTIFY,    /* notice id with args */
    BEBA_STMT_COUNT,     /* named counter id: packets and bytes */
    BEBA_STMT_PUSH_VLAN, /* value = tag control information (vid, or vid | pcp << 13); id = TPID */
    BEBA_STMT_POP_VLAN,
    BEBA_STMT_PUSH_MPLS, /* value = label; id = ether type */
    BEBA_STMT_POP_MPLS,  /* id = ether type of what follows; 0 = from the nibble after the label */
    BEBA_STMT_SWAP,      /* layer id: ETH, IP or L4 */
    BEBA_STMT_QUEUE,     /* value */
    BEBA_N_STMTS
};

enum beba_lvalue { BEBA_LV_REG, BEBA_LV_GLOBAL, BEBA_LV_ARRAY, BEBA_LV_FIELD };

/* How an assignment combines: kept, so that targets can use atomic operations on shared values. */
enum beba_assign_op {
    BEBA_SET,
    BEBA_ADD,
    BEBA_SUB,
    BEBA_AND,
    BEBA_OR,
    BEBA_XOR,
};

struct beba_stmt;
struct beba_body {
    struct beba_stmt *stmt;
    uint32_t n;
};

struct beba_stmt {
    uint8_t kind;   /* enum beba_stmt_kind */
    uint8_t lvalue; /* ASSIGN: enum beba_lvalue */
    uint8_t assign; /* ASSIGN: enum beba_assign_op */
    uint8_t n_args; /* NOTIFY */
    uint32_t id;
    struct beba_expr *index[2]; /* ASSIGN to an array: row, column (one-dimensional: [0] only) */
    struct beba_expr *value;
    struct beba_body then, otherwise; /* IF */
    struct beba_verdict verdict;      /* VERDICT */
    struct beba_expr **args;          /* NOTIFY: values of the notice's fields */
    struct beba_loc loc;
};

/* --- tables -------------------------------------------------------------------------------- */

enum beba_key_kind {
    BEBA_KEY_NONE,
    BEBA_KEY_FIELDS,
    /* The 5-tuple ip.src, ip.dst, l4.src, l4.dst, ip.proto with its ends in a canonical order (the
     * lower (address, port) first), so that both directions give one key. */
    BEBA_KEY_CONNECTION,
};

/* Key bytes: each field in network byte order in (width + 7) / 8 bytes, one after the other, then
 * zeros to a multiple of 4. CONNECTION is laid out as address a, address b (16 bytes each), port a,
 * port b (2 each), protocol (1). */
struct beba_key {
    uint8_t kind; /* enum beba_key_kind */
    uint8_t n_fields;
    uint16_t field[BEBA_MAX_KEY_FIELDS];
    uint32_t size;   /* bytes before padding; finish */
    uint32_t padded; /* multiple of 4; finish */
};

struct beba_reg {
    const char *name;
    struct beba_type type;
    struct beba_u128 init;
    uint32_t offset; /* bytes from the start of an entry's registers, naturally aligned (ip6: 8),
                        host byte order; ip6 as hi then lo; finish */
    uint32_t size;   /* 1, 2, 4, 8 or 16 bytes; finish */
    struct beba_loc loc;
};

struct beba_state {
    const char *name;
    bool notify; /* an event when it is entered */
    struct beba_loc loc;
};

enum beba_full_policy { BEBA_FULL_EVICT, BEBA_FULL_REFUSE };

/* OpenFlow-style match: (field & mask) == value; absent fields do not match. Programs use guards.
 */
struct beba_match {
    uint16_t field;
    struct beba_u128 value, mask;
};

/* A rule is tried when (entry state & state_mask) == state. First its lets run, then its matches
 * and its guard must hold; the first rule that holds runs its body and ends the table. lets of
 * rules that were tried before it have run too, in order: a let belongs to the rules after it. */
struct beba_rule {
    uint32_t id; /* number in the whole pipeline; finish */
    uint32_t state, state_mask;
    struct beba_match *match;
    uint32_t n_matches;
    struct beba_body lets;   /* LET statements only */
    struct beba_expr *guard; /* NULL = always */
    struct beba_body body;
    const char *label; /* "on tcp.dst == 22", "else", "always": for people */
    /* The body may make an entry: it assigns a register, or enters a state that is not the initial
     * one or that has a timeout. Such a rule does not run when its table has no room and refuses.
     * finish */
    bool creates;
    struct beba_loc loc;
};

struct beba_table {
    const char *name;
    struct beba_key lookup, update; /* update.kind NONE = same as lookup */
    bool two_keys;                  /* finish */
    struct beba_reg *reg;
    uint32_t n_regs, regs_size;     /* size a multiple of 8; finish */
    uint8_t *regs_init;             /* finish */
    struct beba_state *state;       /* the first is the initial one */
    struct beba_timeouts *timeouts; /* one a state */
    uint32_t n_states;
    uint64_t capacity;
    uint8_t full;                     /* enum beba_full_policy */
    struct beba_verdict full_verdict; /* REFUSE */
    bool per_cpu;               /* each CPU has entries of its own; what one CPU runs ignores it */
    struct beba_verdict no_key; /* packet lacks a key field */
    struct beba_verdict dflt;   /* no rule, or a body without verdict; kind NONE = drop */
    uint32_t n_lets;
    const char **let_name; /* one a slot, for people */
    struct beba_type *let_type;
    struct beba_rule *rule;
    uint32_t n_rules;
    struct beba_loc loc;
};

/* --- the whole ----------------------------------------------------------------------------- */

struct beba_global {
    const char *name;
    struct beba_type type;
    struct beba_u128 init;
    struct beba_loc loc;
};

struct beba_array {
    const char *name;
    struct beba_type type;  /* up to 64 bits */
    uint32_t rows, columns; /* one-dimensional: rows == 1 */
    bool two_dimensional;
    struct beba_loc loc;
};

/* A named set: initial elements; changed at run time by name. Addresses match by longest prefix. */
struct beba_set {
    const char *name;
    struct beba_type type;
    struct beba_range *range; /* a prefix is a range too */
    uint32_t n_ranges;
    struct beba_loc loc;
};

struct beba_counter {
    const char *name;
};

struct beba_notice {
    const char *text;
    const char **arg_name;
    struct beba_type *arg_type;
    uint32_t n_args;
};

struct beba_pipeline {
    struct beba_arena arena;
    const char *name; /* file name without directory and suffix */
    struct beba_table *table;
    uint32_t n_tables;
    struct beba_global *global;
    uint32_t n_globals;
    struct beba_array *array;
    uint32_t n_arrays;
    struct beba_set *set;
    uint32_t n_sets;
    struct beba_counter *counter;
    uint32_t n_counters;
    struct beba_notice *notice;
    uint32_t n_notices;
    struct beba_rule **rule; /* all rules by id; finish */
    uint32_t n_rules;        /* finish */
};

struct beba_pipeline *beba_pipeline_new(void); /* NULL: out of memory */
void beba_pipeline_free(struct beba_pipeline *p);

/* Checks every invariant above (ids in range, arities, types and widths, bounds, verdicts complete,
 * depth) and fills what is marked "finish". -EINVAL or -E2BIG with what and where in the pipeline.
 */
int beba_pipeline_finish(struct beba_pipeline *p, struct beba_error *err);

/* True when the body ends in a verdict on every path. */
bool beba_body_decides(const struct beba_body *body);

/* --- printing ------------------------------------------------------------------------------ */

/* An expression as the language writes it; t names registers and lets (may be NULL). */
void beba_expr_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_table *t, const struct beba_expr *e);
void beba_stmt_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                     const struct beba_table *t, const struct beba_stmt *s);
void beba_verdict_print(struct beba_strbuf *out, const struct beba_pipeline *p,
                        const struct beba_table *t, const struct beba_verdict *v);
/* The whole pipeline as text, for people who debug producers and consumers. */
void beba_pipeline_print(struct beba_strbuf *out, const struct beba_pipeline *p);
/* Key bytes by field names: "ip.src=10.0.0.1, tcp.dst=80"; "10.0.0.1:1234 <-> 10.0.0.2:80 tcp". */
void beba_key_print(struct beba_strbuf *out, const struct beba_key *key, const uint8_t *bytes);
/* The parts of a key one by one: fields, or ip.a, ip.b, l4.a, l4.b and ip.proto of a connection.
 * False past the last. */
bool beba_key_field(const struct beba_key *key, const uint8_t *bytes, unsigned i, const char **name,
                    struct beba_type *type, struct beba_u128 *value);
unsigned beba_key_parts(const struct beba_key *key);
/* The state diagram as a Graphviz document: one cluster a table. */
void beba_pipeline_dot(struct beba_strbuf *out, const struct beba_pipeline *p);
/* The text that names key fields, registers and states of a table: stored in its flow table. */
void beba_table_schema(struct beba_strbuf *out, const struct beba_table *t);
/* Reads it back: *out has the name, keys, registers and states, no more. Any text gives these or
 * -EINVAL. Memory from arena. */
int beba_table_parse_schema(const char *text, struct beba_arena *arena, struct beba_table *out,
                            struct beba_error *err);

#endif
