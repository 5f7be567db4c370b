/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys of flows as people write them, to the bytes of a key. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "lang/lang.h"
#include "base/strbuf.h"

struct text {
    const char *s;
    size_t n;
};

static struct text trim(struct text t)
{
    while (t.n && isspace((unsigned char)*t.s))
        t = (struct text){t.s + 1, t.n - 1};
    while (t.n && isspace((unsigned char)t.s[t.n - 1]))
        t.n--;
    return t;
}

static bool is(struct text t, const char *word)
{
    return t.n == strlen(word) && !memcmp(t.s, word, t.n);
}

static void store(uint8_t *at, unsigned width, struct beba_u128 v)
{
    for (unsigned i = (width + 7) / 8; i--;) {
        at[i] = (uint8_t)v.lo;
        v.lo = v.lo >> 8 | v.hi << 56;
        v.hi >>= 8;
    }
}

/* One value, not a range. */
static int value(struct text t, struct beba_type type, const char *name, struct beba_u128 *out,
                 struct beba_error *err)
{
    struct beba_range range;
    int rc;

    t = trim(t);
    rc = beba_lang_parse_value(t.s, t.n, type, &range, err);
    if (!rc && beba_u128_cmp(range.lo, range.hi) != 0)
        rc = beba_error_set(err, -EINVAL, "'%.*s' is more than one value", (int)t.n, t.s);
    if (rc)
        beba_error_where(err, "%s", name);
    *out = range.lo;
    return rc;
}

static int wanted(const struct beba_key *key, struct beba_error *err)
{
    struct beba_strbuf fields = {0};

    if (key->kind == BEBA_KEY_CONNECTION)
        beba_error_hint(err, "the key is a connection: '10.0.0.1:1234 <-> 10.0.0.2:80 tcp'");
    else {
        for (unsigned i = 0; i < key->n_fields; i++)
            beba_strbuf_printf(&fields, "%s%s=...", i ? ", " : "", beba_fields[key->field[i]].name);
        beba_error_hint(err, "the key is '%s'", beba_strbuf_str(&fields));
    }
    beba_strbuf_free(&fields);
    return err ? err->code : -EINVAL;
}

/* --- fields -------------------------------------------------------------------------------- */

static int find_part(const struct beba_key *key, struct text name, unsigned *part,
                     struct beba_error *err)
{
    const char *names[BEBA_MAX_KEY_FIELDS], *nearest;
    char given[64];

    for (unsigned i = 0; i < key->n_fields; i++) {
        names[i] = beba_fields[key->field[i]].name;
        if (is(name, names[i])) {
            *part = i;
            return 0;
        }
    }
    snprintf(given, sizeof(given), "%.*s", (int)(name.n < 60 ? name.n : 60), name.s);
    nearest = beba_nearest(given, names, key->n_fields);
    beba_error_set(err, -EINVAL, "'%s' is not a field of the key", given);
    if (!nearest)
        return wanted(key, err);
    beba_error_hint(err, "did you mean '%s'?", nearest);
    return -EINVAL;
}

static int one_field(const struct beba_key *key, struct text t, uint8_t *out, uint32_t *seen,
                     struct beba_error *err)
{
    const char *eq = memchr(t.s, '=', t.n);
    struct beba_u128 v;
    struct text name;
    unsigned part = 0;
    int rc = 0;

    if (eq) {
        name = trim((struct text){t.s, (size_t)(eq - t.s)});
        t = trim((struct text){eq + 1, t.n - (size_t)(eq + 1 - t.s)});
        rc = find_part(key, name, &part, err);
    } else if (key->n_fields > 1) {
        beba_error_set(err, -EINVAL, "'%.*s' does not say which field it is", (int)t.n, t.s);
        return wanted(key, err);
    }
    if (rc)
        return rc;
    if (*seen & 1u << part) {
        beba_error_set(err, -EINVAL, "%s is given twice", beba_fields[key->field[part]].name);
        return -EINVAL;
    }
    *seen |= 1u << part;
    rc = value(t, beba_fields[key->field[part]].type, beba_fields[key->field[part]].name, &v, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < part; i++)
        out += (beba_fields[key->field[i]].type.width + 7) / 8;
    store(out, beba_fields[key->field[part]].type.width, v);
    return 0;
}

static int parse_fields(const struct beba_key *key, struct text t, uint8_t *out,
                        struct beba_error *err)
{
    uint32_t seen = 0;

    while (t.n) {
        const char *comma = memchr(t.s, ',', t.n);
        size_t n = comma ? (size_t)(comma - t.s) : t.n;
        int rc = one_field(key, trim((struct text){t.s, n}), out, &seen, err);

        if (rc)
            return rc;
        n += comma != NULL;
        t = (struct text){t.s + n, t.n - n};
    }
    for (unsigned i = 0; i < key->n_fields; i++) {
        if (seen & 1u << i)
            continue;
        beba_error_set(err, -EINVAL, "%s is missing in the key", beba_fields[key->field[i]].name);
        return wanted(key, err);
    }
    return 0;
}

/* --- connections --------------------------------------------------------------------------- */

struct end {
    struct beba_u128 address;
    uint64_t port;
};

static struct text next_word(struct text *t)
{
    struct text word = *t = trim(*t);

    word.n = 0;
    while (word.n < t->n && !isspace((unsigned char)word.s[word.n]))
        word.n++;
    *t = trim((struct text){t->s + word.n, t->n - word.n});
    return word;
}

/* 10.0.0.1:80, [2001:db8::1]:80 */
static int parse_end(struct text t, struct end *out, struct beba_error *err)
{
    const struct beba_type ip = {BEBA_KIND_IP, 128}, number = {BEBA_KIND_UINT, 16};
    struct text address = t, port;
    struct beba_u128 v;
    size_t colon = t.n;
    int rc;

    while (colon && t.s[colon - 1] != ':')
        colon--;
    if (colon < 2 || colon == t.n)
        return beba_error_set(err, -EINVAL, "'%.*s' is not an address and a port", (int)t.n, t.s);
    address.n = colon - 1;
    port = (struct text){t.s + colon, t.n - colon};
    if (address.s[0] == '[' && address.s[address.n - 1] == ']')
        address = (struct text){address.s + 1, address.n - 2};
    rc = value(address, ip, "address", &out->address, err);
    if (rc)
        return rc;
    rc = value(port, number, "port", &v, err);
    out->port = v.lo;
    return rc;
}

static int parse_protocol(struct text t, uint64_t *out, struct beba_error *err)
{
    static const struct {
        const char *name;
        uint8_t number;
    } known[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}};
    const struct beba_type byte = {BEBA_KIND_UINT, 8};
    struct beba_u128 v;
    struct text rest = t, word = next_word(&rest);
    int rc;

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (is(t, known[i].name)) {
            *out = known[i].number;
            return 0;
        }
    }
    rc = value(is(word, "proto") && rest.n ? rest : t, byte, "protocol", &v, err);
    *out = v.lo;
    return rc;
}

static int parse_connection(const struct beba_key *key, struct text t, uint8_t *out,
                            struct beba_error *err)
{
    static const char *const arrows[] = {"<->", "->", "<-", "-"};
    struct text first = next_word(&t), arrow = next_word(&t), second = next_word(&t);
    struct end a, b, swap;
    uint64_t protocol;
    bool found = false;
    int rc, order;

    for (size_t i = 0; i < sizeof(arrows) / sizeof(*arrows); i++)
        found |= is(arrow, arrows[i]);
    if (!found || !second.n || !t.n) {
        beba_error_set(err, -EINVAL, "this is not a connection");
        return wanted(key, err);
    }
    rc = parse_end(first, &a, err);
    if (!rc)
        rc = parse_end(second, &b, err);
    if (!rc)
        rc = parse_protocol(t, &protocol, err);
    if (rc)
        return wanted(key, err);
    order = beba_u128_cmp(a.address, b.address);
    if (order > 0 || (!order && a.port > b.port)) {
        swap = a;
        a = b;
        b = swap;
    }
    store(out, 128, a.address);
    store(out + 16, 128, b.address);
    store(out + 32, 16, beba_u128(0, a.port));
    store(out + 34, 16, beba_u128(0, b.port));
    out[36] = (uint8_t)protocol;
    return 0;
}

int beba_lang_parse_key(const char *text, size_t len, const struct beba_key *key,
                        uint8_t out[BEBA_MAX_KEY], struct beba_error *err)
{
    struct text t = trim((struct text){text, len});

    memset(out, 0, BEBA_MAX_KEY);
    switch ((enum beba_key_kind)key->kind) {
    case BEBA_KEY_FIELDS:
        return parse_fields(key, t, out, err);
    case BEBA_KEY_CONNECTION:
        return parse_connection(key, t, out, err);
    case BEBA_KEY_NONE:
        break;
    }
    return beba_error_set(err, -EINVAL, "the machine has no key");
}
