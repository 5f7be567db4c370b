/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tokens of the language, and the words and signs they are made of: the lexer, the formatter and
 * the test that holds the grammar against the lexer all walk these lists. */
#ifndef BEBA_LANG_TOKEN_H
#define BEBA_LANG_TOKEN_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/units.h"

/* Words with a meaning: name, spelling, reserved. A reserved word cannot name anything; the others
 * are words of the language only where the grammar asks for them. */
#define BEBA_LANG_WORDS(X)           \
    X(INCLUDE, "include", 0)         \
    X(CONST, "const", 1)             \
    X(SET, "set", 0)                 \
    X(GLOBAL, "global", 1)           \
    X(ARRAY, "array", 0)             \
    X(MACHINE, "machine", 1)         \
    X(TEST, "test", 0)               \
    X(U8, "u8", 1)                   \
    X(U16, "u16", 1)                 \
    X(U32, "u32", 1)                 \
    X(U64, "u64", 1)                 \
    X(BOOL, "bool", 1)               \
    X(TIME, "time", 0)               \
    X(IP4, "ip4", 1)                 \
    X(IP6, "ip6", 1)                 \
    X(IP, "ip", 1)                   \
    X(MAC, "mac", 0)                 \
    X(KEY, "key", 1)                 \
    X(LOOKUP, "lookup", 0)           \
    X(UPDATE, "update", 0)           \
    X(REG, "reg", 1)                 \
    X(CAPACITY, "capacity", 0)       \
    X(WHEN, "when", 0)               \
    X(FULL, "full", 0)               \
    X(EVICT, "evict", 0)             \
    X(REFUSE, "refuse", 0)           \
    X(CONSISTENCY, "consistency", 0) \
    X(EXACT, "exact", 0)             \
    X(PER_CPU, "per_cpu", 0)         \
    X(WITHOUT, "without", 0)         \
    X(DEFAULT, "default", 1)         \
    X(CONNECTION, "connection", 1)   \
    X(FLOW, "flow", 1)               \
    X(STATE, "state", 1)             \
    X(IDLE, "idle", 0)               \
    X(HARD, "hard", 0)               \
    X(NOTIFY, "notify", 1)           \
    X(IN, "in", 1)                   \
    X(ANY, "any", 1)                 \
    X(ON, "on", 1)                   \
    X(ALWAYS, "always", 1)           \
    X(ELSE, "else", 1)               \
    X(LET, "let", 1)                 \
    X(IF, "if", 1)                   \
    X(GOTO, "goto", 1)               \
    X(MIRROR, "mirror", 1)           \
    X(COUNT, "count", 0)             \
    X(QUEUE, "queue", 0)             \
    X(SWAP, "swap", 1)               \
    X(ETH, "eth", 1)                 \
    X(L4, "l4", 1)                   \
    X(PASS, "pass", 1)               \
    X(DROP, "drop", 1)               \
    X(OUTPUT, "output", 1)           \
    X(REPLY, "reply", 1)             \
    X(FLOOD, "flood", 1)             \
    X(PUNT, "punt", 1)               \
    X(NEXT, "next", 1)               \
    X(TRUE, "true", 1)               \
    X(FALSE, "false", 1)             \
    X(FORWARD, "forward", 1)         \
    X(BACKWARD, "backward", 1)       \
    X(SEND, "send", 0)               \
    X(TIMES, "times", 0)             \
    X(EVERY, "every", 0)             \
    X(EACH, "each", 0)               \
    X(EXPECT, "expect", 0)           \
    X(WAIT, "wait", 0)               \
    X(PAYLOAD, "payload", 0)         \
    X(LEN, "len", 0)                 \
    X(NO, "no", 0)                   \
    X(OUT, "out", 0)

enum beba_word {
    W_NONE,
#define X(id, text, reserved) W_##id,
    BEBA_LANG_WORDS(X)
#undef X
        W_N
};

/* Signs, the longer of two with a common beginning first. */
#define BEBA_LANG_SIGNS(X) \
    X(ARROW, "->")         \
    X(DOTDOT, "..")        \
    X(EQ, "==")            \
    X(NE, "!=")            \
    X(LE, "<=")            \
    X(GE, ">=")            \
    X(SHL, "<<")           \
    X(SHR, ">>")           \
    X(LAND, "&&")          \
    X(LOR, "||")           \
    X(ADD_TO, "+=")        \
    X(SUB_FROM, "-=")      \
    X(AND_INTO, "&=")      \
    X(OR_INTO, "|=")       \
    X(XOR_INTO, "^=")      \
    X(LBRACE, "{")         \
    X(RBRACE, "}")         \
    X(LPAREN, "(")         \
    X(RPAREN, ")")         \
    X(LBRACKET, "[")       \
    X(RBRACKET, "]")       \
    X(COMMA, ",")          \
    X(SEMI, ";")           \
    X(COLON, ":")          \
    X(ASSIGN, "=")         \
    X(LT, "<")             \
    X(GT, ">")             \
    X(ADD, "+")            \
    X(SUB, "-")            \
    X(MUL, "*")            \
    X(DIV, "/")            \
    X(MOD, "%")            \
    X(AND, "&")            \
    X(OR, "|")             \
    X(XOR, "^")            \
    X(NOT, "!")            \
    X(INV, "~")

enum beba_token_kind {
    T_EOF,
    T_NAME,    /* closed */
    T_DOTTED,  /* tcp.dst */
    T_NUMBER,  /* 80, 0x1f, 10ms */
    T_ADDRESS, /* 10.0.0.1, 2001:db8::/32, aa:bb:cc:dd:ee:ff */
    T_STRING,
    T_BAD, /* already reported */
#define X(id, text) T_##id,
    BEBA_LANG_SIGNS(X)
#undef X
        T_N
};

/* What a number or an address may mean: some are written alike (02::1 is a MAC or an IPv6 address).
 */
enum beba_literal_form { LIT_NUMBER = 1, LIT_IP4 = 2, LIT_IP6 = 4, LIT_MAC = 8 };

struct beba_literal {
    uint8_t forms;
    bool prefix; /* prefix_len was given */
    uint8_t prefix_len;
    uint64_t number; /* LIT_NUMBER (with its unit applied), LIT_IP4 */
    uint64_t mac;
    struct beba_u128 ip6;
    const struct beba_unit *unit; /* NULL: a bare number */
};

/* Set by the parser for the formatter. */
enum beba_token_mark {
    MARK_LINE = 1,   /* an item, declaration, rule, statement or step starts here */
    MARK_BLOCK = 2,  /* a brace around lines */
    MARK_UNARY = 4,  /* a sign that binds to what follows */
    MARK_TIGHT = 8,  /* a bracket that binds to what is before */
    MARK_RULE = 16,  /* MARK_LINE of something that may stay on one line as it was */
    MARK_SPACED = 32 /* a line that is set apart by a blank one: machines, tests */
};

struct beba_token {
    uint8_t kind; /* enum beba_token_kind */
    uint8_t word; /* enum beba_word of a T_NAME */
    bool newline; /* a line break before it */
    uint8_t mark; /* enum beba_token_mark */
    uint32_t offset, len;
    uint32_t literal; /* T_NUMBER, T_ADDRESS: index */
};

struct beba_comment {
    uint32_t offset, len;
    uint32_t before; /* index of the token that follows */
    bool own_line;
};

struct beba_tokens {
    uint32_t source;
    const char *text;
    size_t len;
    struct beba_token *token; /* the last one is T_EOF */
    uint32_t n;
    struct beba_literal *literal;
    uint32_t n_literals;
    struct beba_comment *comment;
    uint32_t n_comments;
};

enum { BEBA_LANG_MAX_TEXT = 16 << 20 }; /* bytes of one file */

/* Splits a source into tokens (arena memory). 0 or -ENOMEM; what is wrong with the text is in
 * diags. */
int beba_lex(const struct beba_sources *sources, uint32_t source, struct beba_arena *arena,
             struct beba_diags *diags, struct beba_tokens *out);

const char *beba_word_text(enum beba_word word);
bool beba_word_reserved(enum beba_word word);
const char *beba_sign_text(enum beba_token_kind kind); /* NULL when it is no sign */

/* Reads text[0..n) as an address or prefix; false when it is none. */
bool beba_literal_address(const char *text, size_t n, struct beba_literal *out);

#endif
