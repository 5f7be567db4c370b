/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A pipeline in the form the interpreter runs: the same tree, with everything resolved that does
 * not depend on the packet: where a field lies in its header, where a register lies in an entry,
 * which operands fit in 64 bits, which rules a state tries. Made once from a finished pipeline;
 * read-only afterwards. Private to engine/. */
#ifndef BEBA_ENGINE_CODE_H
#define BEBA_ENGINE_CODE_H

#include "pipeline/pipeline.h"

/* Operations of nodes: those of the pipeline, and these special cases of them. */
enum node_op {
    NODE_BITS = BEBA_N_OPS, /* a field inside one byte */
    NODE_BITS16,            /* inside two */
    NODE_BE16,              /* fields of whole bytes */
    NODE_BE32,
    NODE_BE48,
    NODE_FIELD,      /* any other field of up to 64 bits */
    NODE_FIELD_WIDE, /* a field of 128 bits */
    NODE_IN_PORT,
    NODE_NOW,
    NODE_PKT_LEN,
    NODE_METADATA,
    NODE_IP_PROTO,
    NODE_PAYLOAD_LEN,
    NODE_REG8,
    NODE_REG16,
    NODE_REG32,
    NODE_REG64,
    NODE_REG128,
    /* a with constant k, up to 64 bits */
    NODE_ADD_K,
    NODE_SUB_K,
    NODE_MUL_K,
    NODE_AND_K,
    NODE_SHL_K,
    NODE_SHR_K,
    NODE_EQ_K, /* in the order of BEBA_OP_EQ .. BEBA_OP_GE */
    NODE_NE_K,
    NODE_LT_K,
    NODE_LE_K,
    NODE_GT_K,
    NODE_GE_K,
    NODE_EQ_BE16_K, /* a field of two bytes is k */
    NODE_FLAGS,     /* flags of one byte, ! and &&: that byte & k is shift */
    /* a with b, 128 bits; compare says how */
    NODE_COMPARE_WIDE,
    NODE_N_OPS
};

struct exec;
struct node;
typedef uint64_t (*eval_fn)(struct exec *x, const struct node *n);

struct node {
    eval_fn run;     /* its value, up to 64 bits */
    uint8_t op;      /* enum node_op, or enum beba_op */
    uint8_t width;   /* bits of the result */
    uint8_t layer;   /* fields */
    uint8_t compare; /* COMPARE_WIDE: enum beba_op */
    uint8_t shift;   /* BITS..., SHL_K, SHR_K; FLAGS: bits that must be set */
    uint8_t n_args;
    uint32_t offset; /* fields: bytes from the header; registers: bytes from the first */
    uint32_t id;
    uint64_t k; /* CONST, ..._K; BITS..., FLAGS: mask */
    struct node *a, *b;
    struct node **arg;            /* all of them */
    const struct beba_expr *expr; /* what this is made of */
};

struct code_match {
    struct node *field;
    struct beba_u128 value, mask;
};

struct code_verdict {
    uint8_t kind;
    bool has_port;
    const struct node *port; /* NULL: the one that the packet came by */
    const struct beba_verdict *source;
};

/* Statements one after the other; those of an if follow it. The last is a STMT_END. */
struct code_body {
    struct code_stmt *stmt;
    uint32_t n;
};

/* Kinds of statements: those of the pipeline, and: */
enum stmt_kind {
    STMT_SKIP = BEBA_N_STMTS, /* over the other branch */
    STMT_END,
};

struct code_stmt {
    uint8_t kind, lvalue, assign, n_args;
    uint8_t depth; /* in how many ifs */
    bool lazy;     /* LET before a guard: computed when first read */
    uint8_t width; /* of what is assigned: bits */
    uint8_t size;  /* registers: bytes */
    uint32_t offset;
    uint32_t id;
    const struct code_stmt *other; /* where an IF goes on that is false, and a SKIP */
    const struct node *index[2];
    const struct node *value;
    struct code_verdict verdict;
    const struct node **args;
    const struct beba_stmt *source;
};

/* The functions of nodes whose operands are ready. The second is of nodes that read no field that a
 * packet lacks. */
eval_fn beba_eval_any(const struct node *n);
eval_fn beba_eval_sure(const struct node *n);

struct code_rule {
    uint32_t id, state, state_mask;
    bool creates;
    bool plain; /* neither lets nor matches */
    uint32_t n_matches;
    struct code_match *match;
    struct code_body lets;
    const struct node *guard; /* NULL = always */
    struct code_body body;
    const uint32_t *body_lets; /* lets of rules that the body reads */
    uint32_t n_body_lets;
    const struct beba_rule *source;
};

/* The same rules for every packet, and for those in which nothing that the rules read is absent:
 * with nodes of less work, backward and forward. */
enum rules_form { RULES_ANY, RULES_BACKWARD, RULES_FORWARD, N_FORMS };

struct code_rules {
    struct code_rule *rule;
    /* Rules to try in state s: those at first[s], up to a NULL. first is NULL when the table's
     * states are too many or its masks too odd for lists: then all rules are tried in turn. */
    const struct code_rule ***first;
    const struct code_stmt **lets; /* of each let that waits until it is read, else NULL */
};

enum { LETS_SET = 8 }; /* lets that a table begins with, at once: a known number takes no call */
_Static_assert(BEBA_MAX_LETS % LETS_SET == 0, "lets are set in whole steps");

enum { EARLY_TABLES = 4 }; /* whose keys may be taken before the first table runs */

enum key_shape { KEY_NONE, KEY_PARTS, KEY_CONNECTION };
enum key_part_kind {
    KEY_COPY,   /* size bytes of a header */
    KEY_IP_SRC, /* 16 bytes */
    KEY_IP_DST,
    KEY_FIELD, /* read, then written in network order */
};
struct key_part {
    uint8_t kind, layer, size;
    uint16_t field;
    uint32_t offset; /* COPY: in the header */
};
struct code_key {
    uint8_t shape;
    uint8_t n_parts;
    uint32_t size, padded;
    uint32_t layers; /* all of these must be there */
    struct key_part part[BEBA_MAX_KEY_FIELDS];
};

struct code_table {
    const struct beba_table *source;
    uint32_t id;
    bool two_keys;
    bool creates; /* a rule of it does */
    struct code_key lookup, update;
    bool early; /* nothing before this table changes the packet: its keys can be taken at first */
    uint32_t twin;     /* an earlier early table with the same lookup key, or its own number */
    uint32_t n_states; /* at least 1: a table without a key is in its first one */
    uint32_t n_lets;
    const uint8_t *regs_init;
    struct code_verdict no_key, full, dflt;
    uint32_t n_rules;
    struct code_rules rules[N_FORMS];
    /* Packets with these layers take the sure forms. NEVER (uses.h): there are none. */
    uint32_t sure_layers;
};

/* Everything in the arena; NULL: out of memory. headers: 1 << the layers whose places the sure
 * rules want to know. */
struct code_table *beba_code_new(struct beba_arena *arena, const struct beba_pipeline *p,
                                 uint32_t *headers);

#endif
