/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Between the exporter's parts: a machine as entries of one table.
 *
 * Rules are walked in order with continuations. A cube is what is known of the packets at hand;
 * a test hands on the cubes in which it holds and those in which it does not, and what is handed on
 * first goes first: entries come in the order of their priorities, so a later cube need not say
 * what earlier ones have taken. */
#ifndef BEBA_OPENFLOW_EXPORT_WALK_H
#define BEBA_OPENFLOW_EXPORT_WALK_H

#include "openflow/export.h"
#include "openflow/fields.h"

typedef unsigned __int128 beba_wide;

enum {
    EXPORT_CUBE = 24,      /* fields of a match */
    EXPORT_ACTIONS = 40,   /* of an entry */
    EXPORT_LETS = 16,      /* of a table */
    EXPORT_WRITTEN = 8,    /* fields that a rule writes */
    EXPORT_ENTRIES = 4096, /* of a table */
    EXPORT_STEPS = 1 << 18,
    EXPORT_PIECES = 256, /* matches that one comparison becomes */
    EXPORT_ALTS = 6,     /* OpenFlow's fields for one of ours */
    EXPORT_NO_STATE = -1,
};

struct cube {
    uint32_t n;
    struct beba_of_oxm oxm[EXPORT_CUBE]; /* masks always set */
};

/* A value, in terms of what was when the packet came to the table. */
enum sym_kind { SYM_CONST, SYM_REG, SYM_GLOBAL, SYM_FIELD, SYM_OTHER };
struct sym {
    uint8_t kind;
    uint32_t id;
    uint64_t add; /* of REG and GLOBAL, modulo 2^32 */
    struct beba_u128 k;
    struct beba_type type;
};

/* One way through the rules. */
struct path {
    const struct beba_rule *rule;
    struct sym reg[BEBA_FLOW_DATA_VARS], global[BEBA_GLOBAL_DATA_VARS], let[EXPORT_LETS];
    struct {
        uint32_t field;
        struct sym value;
    } written[EXPORT_WRITTEN];
    uint32_t n_written, n_actions;
    int64_t state;    /* entered, or EXPORT_NO_STATE */
    uint8_t assigned; /* bit r: register r */
    bool sets_metadata;
    uint64_t metadata;
    const struct beba_expr *drawn; /* a random number that is known, and is */
    uint64_t draw;
    struct beba_of_action action[EXPORT_ACTIONS];
};

struct operand {
    uint8_t type, id;
};

/* Of a table: what its conditions and actions refer to. */
struct vars {
    uint8_t header_field[BEBA_HEADER_FIELDS];
    unsigned n_header_fields;
    uint32_t constant[BEBA_GLOBAL_DATA_VARS]; /* or a global's first value */
    unsigned n_constants;
    struct {
        uint8_t op;
        struct operand a, b;
    } condition[BEBA_CONDITIONS];
    unsigned n_conditions;
};

struct export
{
    const struct beba_pipeline *p;
    const struct beba_export_opts *opts;
    struct beba_diags *diags;
    struct beba_export *out;
    uint8_t *first;                 /* table of each machine; one more: the end */
    uint8_t ports;                  /* table of ports in registers; 0: none needed yet */
    uint32_t globals;               /* bit i: of the machine at hand */
    const struct beba_expr *random; /* the one that packets draw */
    bool failed, full;              /* full: of memory, or past a bound */

    const struct beba_table *t; /* the machine at hand */
    uint32_t machine;
    const struct beba_export_table *at;
    struct vars vars;
    uint32_t known;    /* layers that all packets have */
    int64_t state;     /* in the program; EXPORT_NO_STATE: no key */
    bool fresh;        /* first state and no registers */
    bool both;         /* a key of both directions: an entry each */
    bool reverse;      /* the packet goes against the one that made the flow */
    bool may_stale;    /* variables outlive a flow that timeouts ended */
    struct cube *cube; /* of the entries so far */
    struct beba_of_flow_mod *entry;
    uint32_t n_entries, first_of_state;
    uint32_t steps;
};

struct cont {
    void (*fn)(const struct cont *k, const struct cube *c, bool holds);
    struct export *x;
};

void beba_export_say(struct export *x, struct beba_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* --- cubes: export_cube.c ----------------------------------------------------------------------
 */

enum narrow { NARROW_EMPTY, NARROW_SAME, NARROW_LESS };
/* Also when the cube is full: then nothing that is exported has failed to be said. */
enum narrow beba_cube_add(struct cube *c, uint8_t field, struct beba_u128 value,
                          struct beba_u128 mask);
bool beba_cube_covers(const struct cube *a, const struct cube *b); /* all of b is in a */

/* As it is sent: masks where they are not all ones. 0 or -ENOMEM. */
int beba_cube_match(const struct cube *c, struct beba_arena *arena, struct beba_of_match *out);

/* A field of OpenFlow that ours is in packets of one kind. */
struct alt {
    uint8_t field;     /* enum beba_of_field */
    uint8_t shift;     /* of flags */
    bool vlan, mapped; /* a tag; the low 32 bits of an address */
    uint16_t eth_type; /* 0: any */
    uint8_t ip_proto;
};
/* Those that the table's packets can have; -1: the field is not one of OpenFlow. */
int beba_export_alts(const struct export *x, uint32_t field, struct alt out[EXPORT_ALTS]);
/* Narrows to packets that have it, as far as prerequisites go. */
enum narrow beba_cube_prereq(struct cube *c, const struct alt *a);

struct piece {
    struct beba_u128 value, mask;
};
/* Ranges of a field's values as values under masks, or single values; -E2BIG. */
int beba_export_pieces(uint32_t field, const struct beba_range *range, uint32_t n,
                       struct piece out[EXPORT_PIECES]);
/* What is of none of the sorted ranges. */
uint32_t beba_export_others(uint32_t field, const struct beba_range *range, uint32_t n,
                            struct beba_range *out);
/* Narrows to the piece of the field; EMPTY when it has none. */
enum narrow beba_cube_piece(struct cube *c, const struct alt *a, uint32_t field,
                            const struct piece *p);

/* --- tests: export_guard.c ---------------------------------------------------------------------
 */

struct sym beba_export_sym(struct export *x, const struct path *path, const struct beba_expr *e);
/* Calls k with the cubes in which e holds and in which it does not. */
void beba_export_cases(struct export *x, const struct path *path, const struct beba_expr *e,
                       const struct cube *c, const struct cont *k);
void beba_export_present(struct export *x, uint32_t layer, struct beba_loc loc,
                         const struct cube *c, const struct cont *k);
bool beba_export_is_present(const struct export *x, uint32_t field);

/* An operand of conditions and updates; false after an error. */
bool beba_export_operand(struct export *x, const struct sym *s, bool constant, struct beba_loc loc,
                         struct operand *out);

/* The header field's number among those of the table. */
bool beba_export_extractor(struct export *x, uint8_t field, struct beba_loc loc, uint8_t *id);
/* Cubes in which a op b gives want, and the others. */
bool beba_export_condition(struct export *x, uint8_t op, struct operand a, struct operand b,
                           bool want, struct beba_loc loc, const struct cube *c,
                           const struct cont *k);

/* --- values: export_compute.c ------------------------------------------------------------------
 */

/* The greatest value that e can have. */
uint64_t beba_export_most(const struct beba_expr *e);
/* out = e, by as many actions as it takes. */
void beba_export_compute(struct export *x, struct path *path, struct operand out,
                         struct beba_type type, const struct beba_expr *e);
/* random() op v */
void beba_export_drawn(struct export *x, uint8_t op, const struct beba_expr *e, uint64_t v,
                       const struct cube *c, const struct cont *k);
/* Calls with for each value that the random number in e can have; false when there is none. */
struct draws {
    void (*fn)(const struct draws *with, const struct cube *c, const struct beba_expr *e,
               uint64_t v);
};
bool beba_export_draw(struct export *x, const struct path *path, const struct beba_expr *e,
                      const struct cube *c, const struct draws *with);
/* Globals that a machine refers to, as bits. */
uint32_t beba_export_globals(const struct beba_table *t);

/* --- rules: export_rule.c -----------------------------------------------------------------------
 */

/* A state as OpenFlow numbers it: those of the other direction come after all others. */
uint32_t beba_export_number(const struct export *x, uint32_t state, bool reverse);
/* All entries of a state, or of packets without a key. */
void beba_export_rules(struct export *x, const struct cube *c);
void beba_export_verdict(struct export *x, const struct path *path, const struct cube *c,
                         const struct beba_verdict *v);
/* r = value, for register or global, and r = 0: export_update.c */
void beba_export_reset(struct export *x, struct path *path, unsigned reg, struct beba_loc loc);
void beba_export_update(struct export *x, struct path *path, const struct beba_stmt *s);
bool beba_export_read_now(struct export *x, const struct path *path, const struct beba_expr *e,
                          struct sym *out);
/* Present in all packets, where OpenFlow would else compute nothing. */
bool beba_export_sure(struct export *x, const struct sym *s, struct beba_loc loc);
void beba_export_alu(struct export *x, struct path *path, struct operand out, uint8_t opcode,
                     const struct operand *in, unsigned n, const int8_t *sign, struct beba_loc loc);

#endif
