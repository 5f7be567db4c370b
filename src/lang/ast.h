/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the parser makes of a text: a tree as written, without meaning. All memory is in one arena;
 * lists are linked in textual order. Nothing outside src/lang sees it. */
#ifndef BEBA_LANG_AST_H
#define BEBA_LANG_AST_H

#include "lang/token.h"
#include "pipeline/pipeline.h"

struct ast_name {
    const char *s; /* NULL: missing, already reported */
    struct beba_loc loc;
};

enum ast_expr_kind {
    E_BAD, /* already reported */
    E_LITERAL,
    E_BOOL,      /* flag */
    E_NAME,      /* name without a dot */
    E_FIELD,     /* name with dots */
    E_INDEX,     /* name, args */
    E_CALL,      /* name, args */
    E_STATE,     /* state(name) */
    E_DIRECTION, /* flag: forward */
    E_UNARY,     /* op, arg */
    E_BINARY,    /* op, two args; && and || have any number from two */
    E_IN,        /* first arg, then members; flag: written with braces */
    E_RANGE,     /* lo..hi, only as member */
};

struct ast_expr {
    uint8_t kind;
    uint8_t op; /* enum beba_token_kind */
    uint8_t depth;
    bool flag;
    uint32_t n_args;
    struct ast_expr **arg;
    const struct beba_literal *literal;
    const char *name;
    struct beba_loc loc; /* all of it */
    struct beba_loc at;  /* name or operator */
};

struct ast_verdict {
    uint8_t kind; /* enum beba_verdict_kind; NONE: not written */
    struct ast_expr *port;
    struct beba_loc loc;
};

struct ast_type {
    bool given;
    struct beba_type type;
    struct beba_loc loc;
};

/* name = value, field = value, a bare layer or flag: in packets, expectations, notifications. */
struct ast_pair {
    struct ast_pair *next;
    struct ast_name name;   /* may be dotted; s NULL where there is none */
    struct ast_expr *value; /* NULL: a bare word */
    struct beba_loc loc;
};

enum ast_stmt_kind {
    S_LET,
    S_ASSIGN,
    S_IF,
    S_GOTO,
    S_VERDICT,
    S_MIRROR,
    S_NOTIFY,
    S_COUNT,
    S_QUEUE,
    S_PUSH, /* layer */
    S_POP,  /* layer */
    S_SWAP, /* layer */
};

struct ast_stmt {
    struct ast_stmt *next;
    uint8_t kind;
    uint8_t op;           /* S_ASSIGN: the sign */
    uint8_t layer;        /* enum beba_layer */
    struct ast_name name; /* let, goto, count */
    struct ast_expr *target, *value;
    struct ast_stmt *then, *otherwise;
    struct ast_verdict verdict;
    const char *text; /* notify */
    struct ast_pair *args;
    struct beba_loc loc;
};

enum ast_rule_kind { R_ON, R_ALWAYS, R_ELSE, R_LET };

/* A rule, or a let between rules. */
struct ast_rule {
    struct ast_rule *next;
    uint8_t kind;
    struct ast_expr *guard; /* R_ON: guard, R_LET: value */
    struct ast_name name;   /* R_LET */
    struct ast_stmt *body;
    const char *label;
    struct beba_loc loc; /* the head */
};

struct ast_timeout {
    struct ast_timeout *next;
    bool hard;
    struct ast_expr *after;
    struct ast_name to;
    struct beba_loc loc;
};

struct ast_state {
    struct ast_state *next;
    struct ast_name name; /* s NULL: in any state, or rules that stand directly in the machine */
    bool any, notify;
    struct ast_timeout *timeouts;
    struct ast_rule *rules;
    struct beba_loc loc;
};

struct ast_key {
    uint8_t kind;  /* 0: not declared; else the W_KEY, W_LOOKUP, W_UPDATE word it came by */
    uint8_t whole; /* W_CONNECTION, W_FLOW, or 0 */
    struct ast_pair *fields;
    struct beba_loc loc;
};

struct ast_reg {
    struct ast_reg *next;
    struct ast_name name;
    struct ast_type type;
    struct ast_expr *init;
};

struct ast_machine {
    struct ast_machine *next;
    struct ast_name name;
    struct ast_key key, lookup, update;
    struct ast_reg *regs, *last_reg;
    struct ast_expr *capacity;
    bool refuse;
    struct beba_loc consistency; /* len 0: not given */
    bool per_cpu;
    struct ast_verdict full, no_key, dflt;
    struct ast_state *states, *last_state; /* in textual order, any and direct ones among them */
    struct ast_state *direct;              /* the one that holds direct rules */
    struct beba_loc loc;
    bool included;
};

enum ast_def_kind { D_CONST, D_SET, D_GLOBAL, D_ARRAY };

struct ast_def {
    struct ast_def *next;
    uint8_t kind;
    struct ast_name name;
    struct ast_type type;
    struct ast_expr *value; /* const, global */
    struct ast_expr *list;  /* set: an E_IN whose first argument is NULL */
    struct ast_expr *index[2];
    struct beba_loc loc;
    bool included;
};

struct ast_packet {
    struct ast_pair *parts;
    const uint8_t *payload;
    uint32_t payload_len;
    bool has_payload;
    struct ast_expr *len;
    struct beba_loc loc;
};

enum ast_expect_kind {
    X_VERDICT,
    X_STATE,
    X_FLOW,
    X_NO_FLOW,
    X_OUT,
    X_GLOBAL,
    X_COUNT,
    X_NOTIFY,
    X_MIRROR
};

struct ast_expect {
    struct ast_expect *next;
    uint8_t kind;
    struct ast_verdict verdict;
    struct ast_name machine, name;
    struct ast_pair *pairs;
    const char *text;
    struct ast_expr *port;
    struct beba_loc loc;
};

struct ast_step {
    struct ast_step *next;
    bool wait;
    struct ast_packet packet;
    struct ast_expr *in, *times, *every; /* wait: every is the time */
    bool each;
    struct ast_expect *expects;
    struct beba_loc loc;
};

struct ast_test {
    struct ast_test *next;
    const char *name;
    struct ast_step *steps;
    struct beba_loc loc;
};

struct ast_include {
    const char *path;
    struct beba_loc loc;
};

struct ast_program {
    struct ast_def *defs, **last_def;
    struct ast_machine *machines, **last_machine;
    struct ast_test *tests, **last_test;
};

#endif
