/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "lang/token.h"

#include <errno.h>
#include <string.h>

#include "lang/report.h"

static const struct {
    const char *text;
    bool reserved;
} words[W_N] = {
#define X(id, text, reserved) [W_##id] = {text, reserved},
    BEBA_LANG_WORDS(X)
#undef X
};

static const char *const signs[T_N] = {
#define X(id, text) [T_##id] = text,
    BEBA_LANG_SIGNS(X)
#undef X
};

const char *beba_word_text(enum beba_word word)
{
    return word < W_N ? words[word].text : NULL;
}

bool beba_word_reserved(enum beba_word word)
{
    return word < W_N && words[word].reserved;
}

const char *beba_sign_text(enum beba_token_kind kind)
{
    return kind < T_N ? signs[kind] : NULL;
}

struct lexer {
    const char *s;
    uint32_t len, at;
    struct beba_arena *arena;
    struct beba_diags *diags;
    struct beba_tokens *out;
    uint32_t cap, literal_cap, comment_cap;
    bool newline; /* a line break since the last token */
    bool no_memory;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
    return is_alpha(c) || is_digit(c);
}

static char peek(const struct lexer *x, uint32_t ahead)
{
    return ahead < x->len - x->at ? x->s[x->at + ahead] : '\0';
}

static struct beba_loc loc_of(const struct lexer *x, uint32_t offset, uint32_t len)
{
    return (struct beba_loc){x->out->source, offset, len};
}

/* Room for one more element of an array in the arena, which only grows. */
static void *grow(struct lexer *x, void *array, uint32_t n, uint32_t *cap, size_t size)
{
    void *p;
    uint32_t want = *cap ? *cap * 2 : 64;

    if (n < *cap)
        return array;
    p = beba_arena_array(x->arena, want, size);
    if (!p) {
        x->no_memory = true;
        return array;
    }
    if (n)
        memcpy(p, array, n * size);
    *cap = want;
    return p;
}

static struct beba_token *add(struct lexer *x, enum beba_token_kind kind, uint32_t len)
{
    struct beba_tokens *o = x->out;
    struct beba_token *t;

    o->token = grow(x, o->token, o->n, &x->cap, sizeof(*o->token));
    if (x->no_memory)
        return NULL;
    t = &o->token[o->n++];
    *t = (struct beba_token){
        .kind = (uint8_t)kind, .newline = x->newline, .offset = x->at, .len = len};
    x->newline = false;
    x->at += len;
    return t;
}

static void add_literal(struct lexer *x, enum beba_token_kind kind, uint32_t len,
                        const struct beba_literal *literal)
{
    struct beba_tokens *o = x->out;
    struct beba_token *t = add(x, kind, len);

    o->literal = grow(x, o->literal, o->n_literals, &x->literal_cap, sizeof(*o->literal));
    if (!t || x->no_memory)
        return;
    t->literal = o->n_literals;
    o->literal[o->n_literals++] = *literal;
}

static void add_comment(struct lexer *x, uint32_t len)
{
    struct beba_tokens *o = x->out;

    o->comment = grow(x, o->comment, o->n_comments, &x->comment_cap, sizeof(*o->comment));
    if (!x->no_memory)
        o->comment[o->n_comments++] =
            (struct beba_comment){x->at, len, o->n, x->newline || o->n == 0};
    x->at += len;
}

/* Length of the run that could be an address: hex groups, colons and single dots. */
static uint32_t address_run(const struct lexer *x, unsigned *colons, unsigned *dots)
{
    uint32_t n = 0;

    *colons = *dots = 0;
    for (;; n++) {
        char c = peek(x, n);

        if (c == ':') {
            ++*colons;
        } else if (c == '.') {
            if (!is_digit(peek(x, n + 1)))
                break;
            ++*dots;
        } else if (!is_hex(c)) {
            break;
        }
    }
    while (n && peek(x, n - 1) == ':' && (n < 2 || peek(x, n - 2) != ':')) {
        n--; /* "name:" of a declaration */
        --*colons;
    }
    return n;
}

static bool lex_address(struct lexer *x)
{
    struct beba_literal literal = {0};
    unsigned colons, dots;
    uint32_t n = address_run(x, &colons, &dots);

    if (colons < 2 && (colons || dots < 2 || !is_digit(peek(x, 0))))
        return false;
    while (is_word(peek(x, n)))
        n++;
    if (peek(x, n) == '/' && is_digit(peek(x, n + 1))) {
        n++;
        while (is_word(peek(x, n)))
            n++;
    }
    if (beba_literal_address(x->s + x->at, n, &literal)) {
        add_literal(x, T_ADDRESS, n, &literal);
        return true;
    }
    beba_report_hint(
        x->diags,
        beba_report(x->diags, C_BAD_ADDRESS, loc_of(x, x->at, n), "'%.*s' is not an address",
                    (int)n, x->s + x->at),
        colons ? "an IPv6 address is 2001:db8::1, a prefix 2001:db8::/32, a MAC 02:00:00:00:00:01"
               : "an IPv4 address is four numbers up to 255: 10.0.0.1, a prefix 10.0.0.0/8");
    add(x, T_BAD, n);
    return true;
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (is_hex(c))
        return (c | 32) - 'a' + 10;
    return 99;
}

static void bad_unit(struct lexer *x, uint32_t at, uint32_t n)
{
    struct beba_strbuf list = {0};
    struct beba_diag *d;

    for (unsigned i = 0; beba_unit_at(i); i++)
        beba_strbuf_printf(&list, "%s%s", i ? " " : "", beba_unit_at(i)->suffix);
    d = beba_report(x->diags, C_UNKNOWN_UNIT, loc_of(x, x->at + at, n), "unknown unit '%.*s'",
                    (int)n, x->s + x->at + at);
    beba_report_hint(x->diags, d, "units are %s", beba_strbuf_str(&list));
    beba_strbuf_free(&list);
}

static void lex_number(struct lexer *x)
{
    struct beba_literal literal = {.forms = LIT_NUMBER};
    uint32_t n = 0, start, suffix;
    int base = 10;
    bool over = false, bad = false;
    uint64_t v = 0;

    if (peek(x, 0) == '0' && (peek(x, 1) | 32) == 'x')
        base = 16;
    else if (peek(x, 0) == '0' && (peek(x, 1) | 32) == 'b')
        base = 2;
    if (base != 10)
        n = 2;
    for (start = n; digit_value(peek(x, n)) < base || (peek(x, n) == '_' && n > start); n++) {
        if (peek(x, n) == '_')
            continue;
        over |= __builtin_mul_overflow(v, (uint64_t)base, &v);
        over |= __builtin_add_overflow(v, (uint64_t)digit_value(peek(x, n)), &v);
    }
    bad = n == start;
    suffix = n;
    while (is_word(peek(x, n)))
        n++;
    if (!bad && n > suffix && base == 10) {
        literal.unit = beba_unit_find(x->s + x->at + suffix, n - suffix);
        if (!literal.unit) {
            bad_unit(x, suffix, n - suffix);
            add(x, T_BAD, n);
            return;
        }
        over |= __builtin_mul_overflow(v, literal.unit->scale, &v);
    } else if (n > suffix) {
        bad = true;
    }
    if (peek(x, n) == '.' && is_digit(peek(x, n + 1)) && !bad) {
        do
            n++;
        while (is_word(peek(x, n)));
        beba_report_hint(x->diags,
                         beba_report(x->diags, C_BAD_NUMBER, loc_of(x, x->at, n),
                                     "'%.*s': numbers have no fraction", (int)n, x->s + x->at),
                         "use a smaller unit: 1500ms, 1500k");
        add(x, T_BAD, n);
        return;
    }
    if (bad || over) {
        struct beba_diag *d = beba_report(x->diags, C_BAD_NUMBER, loc_of(x, x->at, n),
                                          "%s '%.*s'%s", over ? "number" : "bad number", (int)n,
                                          x->s + x->at, over ? " is larger than 64 bits" : "");

        beba_report_hint(x->diags, d, "%s",
                         over ? "the largest number is 18446744073709551615"
                              : "numbers are 80, 0x1f, 0b101, 1_000, 10ms, 64k");
        add(x, T_BAD, n);
        return;
    }
    literal.number = v;
    add_literal(x, T_NUMBER, n, &literal);
}

static void lex_string(struct lexer *x)
{
    uint32_t n = 1;

    while (n < x->len - x->at && peek(x, n) != '"' && peek(x, n) != '\n')
        n += peek(x, n) == '\\' && peek(x, n + 1) != '\n' ? 2 : 1;
    if (n >= x->len - x->at || peek(x, n) != '"') {
        if (n > x->len - x->at)
            n = x->len - x->at;
        beba_report_hint(x->diags,
                         beba_report(x->diags, C_BAD_STRING, loc_of(x, x->at, n),
                                     "this string does not end on its line"),
                         "close it with '\"'");
        add(x, T_BAD, n);
        return;
    }
    add(x, T_STRING, n + 1);
}

static enum beba_word word_find(const char *s, uint32_t n)
{
    for (unsigned i = 1; i < W_N; i++)
        if (words[i].text[0] == s[0] && strlen(words[i].text) == n && !memcmp(words[i].text, s, n))
            return (enum beba_word)i;
    return W_NONE;
}

static void lex_name(struct lexer *x)
{
    uint32_t n = 0;
    bool dotted = false;
    struct beba_token *t;

    for (;;) {
        while (is_word(peek(x, n)))
            n++;
        if (peek(x, n) != '.' || !is_alpha(peek(x, n + 1)))
            break;
        dotted = true;
        n++;
    }
    t = add(x, dotted ? T_DOTTED : T_NAME, n);
    if (t && !dotted)
        t->word = (uint8_t)word_find(x->s + t->offset, n);
}

static void lex_sign(struct lexer *x)
{
    uint32_t n = 1;

    for (unsigned i = T_BAD + 1; i < T_N; i++) {
        size_t l = strlen(signs[i]);

        if (l <= x->len - x->at && !memcmp(x->s + x->at, signs[i], l)) {
            add(x, (enum beba_token_kind)i, (uint32_t)l);
            return;
        }
    }
    while ((peek(x, n) & 0xc0) == 0x80) /* the rest of a UTF-8 character */
        n++;
    beba_report(x->diags, C_BAD_CHARACTER, loc_of(x, x->at, n),
                "a character that means nothing here");
    add(x, T_BAD, n);
}

static void lex_one(struct lexer *x)
{
    char c = peek(x, 0);

    if (c == '\n') {
        x->newline = true;
        x->at++;
    } else if (c == ' ' || c == '\t' || c == '\r') {
        x->at++;
    } else if (c == '#') {
        uint32_t n = 0;

        while (n < x->len - x->at && peek(x, n) != '\n')
            n++;
        add_comment(x, n);
    } else if ((is_hex(c) || c == ':') && lex_address(x)) {
        return;
    } else if (is_digit(c)) {
        lex_number(x);
    } else if (is_alpha(c)) {
        lex_name(x);
    } else if (c == '"') {
        lex_string(x);
    } else {
        lex_sign(x);
    }
}

int beba_lex(const struct beba_sources *sources, uint32_t source, struct beba_arena *arena,
             struct beba_diags *diags, struct beba_tokens *out)
{
    const struct beba_source *src = &sources->source[source];
    struct lexer x = {.s = src->text, .arena = arena, .diags = diags, .out = out};

    *out = (struct beba_tokens){.source = source, .text = src->text, .len = src->len};
    if (src->len > BEBA_LANG_MAX_TEXT)
        beba_report(diags, C_TOO_LARGE, (struct beba_loc){source, 0, 0},
                    "the file is larger than %d MiB", BEBA_LANG_MAX_TEXT >> 20);
    else
        x.len = (uint32_t)src->len;
    if (x.len >= 3 && !memcmp(x.s, "\xef\xbb\xbf", 3))
        x.at = 3; /* a byte order mark */
    while (x.at < x.len && !x.no_memory)
        lex_one(&x);
    x.newline = true;
    add(&x, T_EOF, 0);
    return x.no_memory ? -ENOMEM : 0;
}
