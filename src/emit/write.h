/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of the emitter share. Private to emit/. */
#ifndef BEBA_EMIT_WRITE_H
#define BEBA_EMIT_WRITE_H

#include "base/error.h"
#include "emit/emit.h"
#include "emit/object.h"

enum {
    RULES_INLINE = 32,   /* rules of a table that is one function */
    WEIGHT_INLINE = 900, /* expressions and statements of a table that is one function */
    WEIGHT_CHUNK = 300,  /* of the rules that share a function */
    RULES_CHUNK = 24,
    WEIGHT_FINE = 60, /* the same of a program in small pieces */
    RULES_FINE = 6,
    LIST_CHAIN = 4,    /* ranges that are compared one after the other; more are halved first */
    FRAME_STACK = 80,  /* bytes of a frame that may lie on the stack */
    FRAME_ALONE = 160, /* the same where main holds the only table and calls little */
    KEY_ALONE = 16,    /* bytes of its key then: it is in registers, as the packet is */
    RULES_ALONE = 12,
    EARLY_MOST = 8,            /* native: tables whose keys are taken at first */
    WEIGHT_KINDS = 600,        /* native: of rules that are copied for each kind of packet */
    TICK_TIMEOUT = 1000000000, /* ns: shorter timeouts want a better clock than the kernel's tick */
};

/* What is known of a table before it is written. */
struct table_facts {
    const char *name; /* "port_knocking": unique, a C identifier with no meaning of its own */
    bool may_lack[BEBA_MAX_LETS]; /* lets that may be of an absent field */
    bool keyed;                   /* it has a key */
    bool timed;                   /* a state of it has a timeout */
    bool idle, hard;              /* of that kind */
    bool peeked;                  /* another table asks for its state */
    bool assigns, goes;           /* a rule assigns registers, enters states */
    bool creates;                 /* a rule may make an entry */
    bool forward;                 /* a rule asks for the direction */
    bool early;                   /* native: its keys are taken before the first table runs */
    uint32_t twin;                /* early: the first table with the same key, or itself */
    uint32_t weight;              /* of its rules */
    uint32_t steps;               /* timeouts in a row before they repeat, at most */
    uint32_t peeks;               /* looks into other tables */
    uint32_t group;               /* program that it runs in */
    uint32_t n_chunks;            /* functions that hold its rules; 0: the table's own */
    uint32_t frame_size;          /* bytes, about */
};

struct emit {
    const struct beba_pipeline *p;
    enum beba_target target;
    const struct beba_emit_opts *opts;
    struct beba_sources own;
    struct beba_source source;
    struct beba_strbuf *out;
    struct beba_arena arena;
    struct beba_object_layout layout;
    struct table_facts *facts;
    uint32_t n_groups;          /* programs that run packets one after the other */
    bool global;                /* tables are functions that the verifier looks at one by one */
    bool native;                /* for the CPU: emit/rt/native.h */
    bool inlined;               /* native: tables are inlined, a copy for each kind of packet */
    bool alone;                 /* one small table in main, which holds the packet in registers */
    bool shares;                /* there are globals, arrays or small sets */
    bool looks_far;             /* some field is looked for by a function, which wants memory */
    bool random;                /* some table draws */
    bool edits;                 /* some table writes fields, or pushes, pops, swaps */
    bool mirrors;               /* some table sends copies */
    bool reads_now;             /* some table reads the time */
    bool reads_port;            /* or the port that a packet came in by */
    bool reads_tunnel;          /* or the tunnel */
    uint64_t shortest;          /* timeout of all, ns; UINT64_MAX: there is none */
    uint32_t layers;            /* that the program reads */
    bool reads[BEBA_N_FIELDS];  /* fields that it reads */
    const struct beba_table *t; /* the one being written */
    uint32_t ti;
    unsigned indent;
    uint32_t known;     /* layers that the packet surely has where the next expression stands */
    const char *absent; /* name of the flag that reading an absent field sets; NULL: nobody asks */
    unsigned n_temps;
    size_t counted; /* of out: bytes whose newlines are in line */
    unsigned line;
    bool away; /* #line says that this is the program's text */
};

/* write.c: text */
void beba_emit(struct emit *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line of its own, indented. */
void beba_emit_line(struct emit *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void beba_emit_blank(struct emit *e);
void beba_emit_indent(struct emit *e);
/* From here on the text is that of the program at loc; that of this file. */
void beba_emit_at(struct emit *e, struct beba_loc loc);
void beba_emit_here(struct emit *e);
/* "name", when it is a C identifier; else "kind_3". */
const char *beba_emit_name(struct emit *e, const char *name, const char *kind, uint32_t i);
/* A comment's text: no end of comment in it. */
void beba_emit_comment(struct emit *e, const char *text);

/* expr.c */
void beba_emit_value(struct emit *e, const struct beba_expr *x);
void beba_emit_wide(struct emit *e, const struct beba_expr *x);
void beba_emit_truth(struct emit *e, const struct beba_expr *x);
/* let slot = value, and whether it read an absent field. */
void beba_emit_let(struct emit *e, uint32_t slot, const struct beba_expr *x);
/* True when the expression can have read an absent field. */
bool beba_emit_may_lack(const struct table_facts *facts, const struct beba_expr *x);
const char *beba_emit_let_name(struct emit *e, uint32_t slot);
const char *beba_emit_reg_name(struct emit *e, const struct beba_table *t, uint32_t reg);
const char *beba_emit_global_name(struct emit *e, uint32_t i);
const char *beba_emit_array_name(struct emit *e, uint32_t i);
/* The number of a cell, in a variable i_<n>, which is returned; statements, not an expression. */
void beba_emit_cell_index(struct emit *e, uint32_t array, const struct beba_expr *row,
                          const struct beba_expr *column);
const char *beba_emit_combine(unsigned assign);

/* stmt.c */
void beba_emit_body(struct emit *e, const struct beba_body *body);
void beba_emit_verdict(struct emit *e, const struct beba_verdict *v);

/* facts.c */
int beba_emit_facts(struct emit *e, struct beba_error *err);
uint32_t beba_emit_rule_weight(const struct beba_rule *r);
/* Bytes that a frame on the stack may have. */
uint32_t beba_emit_frame_most(const struct emit *e);

/* groups.c */
/* -E2BIG: more programs than the kernel runs one after the other. */
int beba_emit_groups(struct emit *e, struct beba_error *err);
/* The first table after those that share a program with table first. */
uint32_t beba_emit_group_end(const struct emit *e, uint32_t first);
void beba_emit_group_maps(struct emit *e);

/* table.c, key.c */
void beba_emit_table(struct emit *e, uint32_t i);
void beba_emit_table_call(struct emit *e, uint32_t i);
void beba_emit_key(struct emit *e, uint32_t i, const struct beba_key *key, const char *which);
void beba_emit_table_types(struct emit *e, uint32_t i);
void beba_emit_peek(struct emit *e, uint32_t i);
void beba_emit_keys_in_scratch(struct emit *e, uint32_t i);
/* native.c */
int beba_emit_native(struct emit *e, struct beba_error *err);
/* rules.c */
/* What the rules that share a function may weigh together, and how many there may be. */
uint32_t beba_emit_chunk_weight(const struct emit *e);
uint32_t beba_emit_chunk_rules(const struct emit *e);
void beba_emit_rules(struct emit *e);
void beba_emit_ends(struct emit *e);
void beba_emit_chunks(struct emit *e);

#endif
