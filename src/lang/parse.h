/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The parser: recursive descent, one function a rule of the grammar (docs/language.md).
 *
 * A function that meets something else than it needs reports it, sets panic, and its callers return
 * until one of them can go on: at the next line, rule, declaration or brace. Nothing is reported
 * while panic is set. Depth is bounded. */
#ifndef BEBA_LANG_PARSE_H
#define BEBA_LANG_PARSE_H

#include "lang/ast.h"
#include "lang/report.h"

enum { PARSE_MAX_DEPTH = 64, EXPR_MAX_DEPTH = 150 };

struct parser {
    struct beba_tokens *tokens;
    uint32_t at, line_start;
    struct beba_arena *arena;
    struct beba_diags *diags;
    unsigned depth;
    bool panic;
    bool no_memory;
    bool included;
    bool lost; /* a head could not be read: its block may have been skipped in part */
    /* Called for each include; NULL: includes are not followed. */
    void (*include)(void *arg, const struct ast_include *inc);
    void *arg;
    struct ast_program *program;
    struct ast_expr bad; /* stands for an expression that could not be read */
    uint64_t spare[64];  /* stands for any node when memory is gone; the program is thrown away */
};

/* parse.c: tokens */
struct beba_token *beba_parse_peek(struct parser *p);
bool beba_parse_is(struct parser *p, enum beba_token_kind kind);
bool beba_parse_is_word(struct parser *p, enum beba_word word);
bool beba_parse_take(struct parser *p, enum beba_token_kind kind);
bool beba_parse_take_word(struct parser *p, enum beba_word word);
bool beba_parse_need(struct parser *p, enum beba_token_kind kind, const char *what);
bool beba_parse_need_word(struct parser *p, enum beba_word word);
struct beba_diag *beba_parse_expected(struct parser *p, const char *what);
struct beba_diag *beba_parse_error(struct parser *p, enum beba_code code, struct beba_loc loc,
                                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
struct beba_loc beba_parse_loc(const struct parser *p, uint32_t first, uint32_t end);
const char *beba_parse_text(struct parser *p, const struct beba_token *t);
struct ast_name beba_parse_name(struct parser *p, const char *what);
struct ast_name beba_parse_new_name(struct parser *p, const char *what);
void beba_parse_mark(struct parser *p, enum beba_token_mark mark);
void *beba_parse_new(struct parser *p, size_t size);
bool beba_parse_enter(struct parser *p);
void beba_parse_leave(struct parser *p);
/* After a line: ';', a line break or a closing brace must follow. */
void beba_parse_end_line(struct parser *p);
/* Goes on after an error: to the next line inside the braces we are in, or to their end. */
void beba_parse_sync(struct parser *p);
bool beba_parse_string(struct parser *p, const char **out, uint32_t *len);
bool beba_parse_open_block(struct parser *p, const char *after);
void beba_parse_close_block(struct parser *p, uint32_t open);
/* True while there are lines before the closing brace of a block. What can only begin a line
 * further out ends it too: the brace was forgotten. */
enum parse_level { LEVEL_FILE, LEVEL_MACHINE, LEVEL_STATE, LEVEL_STMT };
bool beba_parse_more(struct parser *p, enum parse_level level);
/* After an error in a head: goes on at '{' if there is one on this line. */
void beba_parse_find_block(struct parser *p);

/* parse_expr.c */
struct ast_expr *beba_parse_expr(struct parser *p);
struct ast_expr *beba_parse_bits(struct parser *p); /* without comparisons */
struct ast_expr *
beba_parse_members(struct parser *p); /* { element, ... } as an E_IN, arg[0] NULL */
struct ast_expr *beba_parse_element(struct parser *p);

/* parse_machine.c */
struct ast_verdict beba_parse_verdict(struct parser *p);
bool beba_parse_at_verdict(struct parser *p);
void beba_parse_machine(struct parser *p);
struct ast_type beba_parse_type(struct parser *p);

/* parse_stmt.c */
struct ast_stmt *beba_parse_block(struct parser *p);
struct ast_pair *beba_parse_pairs(struct parser *p, bool names_optional);

/* parse_steps.c */
void beba_parse_test(struct parser *p);
void beba_parse_packet(struct parser *p, struct ast_packet *out, bool braces);

/* Parses a whole file into p->program. */
void beba_parse_file(struct parser *p);

#endif
