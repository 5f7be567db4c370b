/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* From the tree to the pipeline: names are resolved, types checked, constants computed. A function
 * that returns NULL has reported why; its callers go on, so that one run finds many mistakes. What
 * the tables then say about states, rules and packets is checked on the finished pipeline (flow.c,
 * guards.c). */
#ifndef BEBA_LANG_LOWER_H
#define BEBA_LANG_LOWER_H

#include "lang/ast.h"
#include "lang/report.h"
#include "pipeline/program.h"

enum sym_kind {
    SYM_CONST,
    SYM_SET,
    SYM_GLOBAL,
    SYM_ARRAY,
    SYM_MACHINE,
    SYM_REG,
    SYM_STATE,
    SYM_LET,
};

struct sym {
    struct sym *chain; /* same hash */
    struct sym *next;  /* in order of declaration */
    const char *name;
    uint8_t kind;  /* enum sym_kind */
    uint8_t phase; /* constants: 0 not yet, 1 being computed, 2 done */
    bool read, written, included;
    bool is_range; /* constants: a prefix */
    uint32_t id;
    struct beba_loc loc;
    const struct ast_def *def;
    void *data;              /* notices */
    struct beba_expr *value; /* SYM_CONST; NULL when it is wrong */
    struct beba_range range;
    struct beba_type type; /* of range, SYM_LET */
    bool hidden;           /* SYM_LET: its block has ended */
};

struct scope {
    struct sym **bucket;
    uint32_t n_buckets; /* a power of two */
    struct sym *first, **last;
};

/* What is known of a machine besides its table. */
struct machine {
    const struct ast_machine *ast;
    struct beba_table *table;
    struct sym *sym;
    struct scope scope; /* registers, states, lets */
    uint32_t index;
    const struct ast_state **state_ast; /* one a state; NULL for the implied one */
    const char *let_name[BEBA_MAX_LETS + 1];
    struct beba_type let_type[BEBA_MAX_LETS + 1];
    struct beba_expr *let_value[BEBA_MAX_LETS + 1];
    bool too_many_lets;
};

struct lower {
    const struct ast_program *ast;
    struct beba_program *program;
    struct beba_pipeline *p;
    struct beba_arena *arena;   /* the pipeline's */
    struct beba_arena *scratch; /* as long as lowering lasts */
    struct beba_diags *diags;
    const struct beba_sources *sources;
    struct scope scope; /* constants, sets, globals, arrays */
    struct scope machines;
    struct machine *machine; /* all */
    uint32_t n_machines;
    struct machine *m; /* the one being lowered; NULL outside */
    struct scope counters, notices, tests;
    bool syntax_errors; /* the tree has holes: say nothing that may follow from them */
    bool constant;      /* only constants make sense here: fields and registers are errors */
    const char *why_constant;
    const char *members_of; /* what elements go into; NULL: a set */
    const char *no_entry;   /* where the packet has no entry: why */
    unsigned const_depth;
    bool no_memory;
};

/* symbols.c */
/* A copy that lives as long as the pipeline. */
const char *beba_keep(struct lower *c, const char *s);
bool beba_scope_init(struct lower *c, struct scope *s, uint32_t expected);
struct sym *beba_scope_find(const struct scope *s, const char *name);
struct sym *beba_scope_add(struct lower *c, struct scope *s, const char *name, enum sym_kind kind,
                           struct beba_loc loc);
/* Ends the lets from there on: their block is over. */
void beba_scope_hide(struct scope *s, struct sym **from);
/* The symbol a name in an expression or statement means: machine first, then file. */
struct sym *beba_sym_find(const struct lower *c, const char *name);
/* Adds a name that must be new; reports a duplicate. NULL then, and when the name is missing. */
struct sym *beba_sym_declare(struct lower *c, struct scope *s, const struct ast_name *name,
                             enum sym_kind kind);
const char *beba_sym_kind_name(enum sym_kind kind); /* "a register" */
/* The nearest declared name of the given kinds (bits 1 << kind), or NULL. */
const char *beba_sym_nearest(const struct lower *c, const char *name, uint32_t kinds);
/* Line of a place, for "declared in line 3". */
unsigned beba_line_of(const struct lower *c, struct beba_loc loc);
struct beba_diag *beba_unknown_state(struct lower *c, const struct machine *m, const char *name,
                                     struct beba_loc loc);
struct machine *beba_machine_find(struct lower *c, const char *name, struct beba_loc loc);

/* types.c */
extern const struct beba_type beba_type_uint, beba_type_bool, beba_type_time, beba_type_ip,
    beba_type_ip4, beba_type_ip6, beba_type_mac, beba_type_port, beba_type_state;
const char *beba_type_text(struct beba_type t, char buf[32]); /* "a 16-bit number" */
bool beba_type_wide(struct beba_type t);
bool beba_type_number(struct beba_type t); /* counts, times, ports and truth values */
bool beba_type_address(struct beba_type t);
struct beba_expr *beba_expr_new(struct lower *c, enum beba_op op, struct beba_type type,
                                struct beba_loc loc, uint32_t n_args,
                                struct beba_expr *const *args);
struct beba_expr *beba_expr_const(struct lower *c, struct beba_type type, struct beba_u128 v,
                                  struct beba_loc loc);
/* The value as one of that type: for assignments and keys of a set. Reports and returns NULL. what
 * names the destination: "register port". */
struct beba_expr *beba_convert(struct lower *c, struct beba_expr *e, struct beba_type to,
                               const char *what, bool exact);
/* Makes both sides of a comparison the same type. */
bool beba_unify(struct lower *c, struct beba_expr **a, struct beba_expr **b, struct beba_loc at);
bool beba_check_fits(struct lower *c, const struct beba_expr *k, const struct beba_expr *other);
const char *beba_expr_text(const struct lower *c, struct beba_loc loc, char buf[64]);

/* fold.c: computes an operation on constants, as at run time. NULL and reported when it overflows.
 */
struct beba_expr *beba_fold(struct lower *c, struct beba_expr *e);

/* expr.c */
const char *beba_function_name(unsigned i); /* NULL past the last */
struct beba_expr *beba_lower_expr(struct lower *c, const struct ast_expr *a,
                                  const struct beba_type *want);
struct beba_expr *beba_lower_bool(struct lower *c, const struct ast_expr *a);
struct beba_expr *beba_lower_to(struct lower *c, const struct ast_expr *a, struct beba_type to,
                                const char *what);
struct beba_expr *beba_lower_number(struct lower *c, const struct ast_expr *a);
/* A constant; NULL and reported when it is none. why: "a capacity". */
struct beba_expr *beba_lower_const(struct lower *c, const struct ast_expr *a, struct beba_type to,
                                   const char *why);
enum beba_field_id beba_lower_field(struct lower *c, const char *name, struct beba_loc loc);
struct beba_expr *beba_lower_literal(struct lower *c, const struct beba_literal *l,
                                     struct beba_loc loc, const struct beba_type *want);

/* members.c */
struct beba_expr *beba_lower_in(struct lower *c, const struct ast_expr *a);
/* Ranges of a set's elements, sorted and merged. */
bool beba_lower_set_elements(struct lower *c, const struct ast_expr *list, struct beba_type type,
                             struct beba_range **out, uint32_t *n);
bool beba_literal_range(struct lower *c, const struct beba_literal *l, struct beba_loc loc,
                        struct beba_type type, struct beba_range *out);
void beba_ranges_merge(struct beba_range *r, uint32_t *n);

/* defs.c */
void beba_lower_defs(struct lower *c);
void beba_sym_const(struct lower *c, struct sym *s); /* computes it if that was not done */

/* stmt.c */
struct beba_body beba_lower_body(struct lower *c, const struct ast_stmt *s);
bool beba_lower_verdict(struct lower *c, const struct ast_verdict *v, struct beba_verdict *out);
struct sym *beba_lower_let(struct lower *c, const struct ast_name *name,
                           const struct ast_expr *value, struct beba_stmt *out);
/* True when the body ends in a verdict on every path. */
bool beba_decides(const struct beba_body *body);
/* Numbers by name, made at first use. */
uint32_t beba_counter_id(struct lower *c, const char *name, struct beba_loc loc);

/* machine.c */
void beba_lower_machines(struct lower *c);

/* tests.c */
void beba_lower_tests(struct lower *c);
bool beba_lower_packet(struct lower *c, const struct ast_packet *a, struct beba_build *out);

/* check.c: what the tables say about states, rules and packets. Only called when the whole text
 * could be read. */
void beba_check_machines(struct lower *c);

#endif
