/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Addresses as people write them. */
#include <arpa/inet.h>
#include <string.h>

#include "lang/token.h"

static bool read_prefix_len(const char *s, size_t n, unsigned *out)
{
    *out = 0;
    if (!n || n > 3)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        *out = *out * 10 + (unsigned)(s[i] - '0');
    }
    return true;
}

static bool read_ip4(const char *text, uint64_t *out)
{
    struct in_addr a;

    if (inet_pton(AF_INET, text, &a) != 1)
        return false;
    *out = ntohl(a.s_addr);
    return true;
}

static bool read_ip6(const char *text, struct beba_u128 *out)
{
    struct in6_addr a;

    if (inet_pton(AF_INET6, text, &a) != 1)
        return false;
    *out = beba_u128(0, 0);
    for (unsigned i = 0; i < 8; i++) {
        out->hi = out->hi << 8 | a.s6_addr[i];
        out->lo = out->lo << 8 | a.s6_addr[8 + i];
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six groups of one or two hex digits; "::" once stands for the groups that are missing. */
static bool read_mac(const char *s, size_t n, uint64_t *out)
{
    uint8_t group[6] = {0}, tail[6];
    unsigned n_groups = 0, gap = 7;
    size_t i = 0;

    while (i < n) {
        unsigned digits = 0, v = 0;

        if (s[i] == ':' && i + 1 < n && s[i + 1] == ':') {
            if (gap != 7)
                return false;
            gap = n_groups;
            i += 2;
            continue;
        }
        if (i && s[i] == ':' && s[i - 1] != ':')
            i++;
        for (; i < n && hex_value(s[i]) >= 0; i++, digits++)
            v = v << 4 | (unsigned)hex_value(s[i]);
        if (!digits || digits > 2 || n_groups == 6)
            return false;
        group[n_groups++] = (uint8_t)v;
        if (i < n && s[i] != ':')
            return false;
    }
    if (gap == 7 ? n_groups != 6 : n_groups > 5)
        return false;
    if (gap < 7) {
        unsigned n_tail = n_groups - gap;

        memcpy(tail, group + gap, n_tail);
        memset(group + gap, 0, 6 - gap);
        memcpy(group + 6 - n_tail, tail, n_tail);
    }
    *out = 0;
    for (unsigned k = 0; k < 6; k++)
        *out = *out << 8 | group[k];
    return true;
}

bool beba_literal_address(const char *text, size_t n, struct beba_literal *out)
{
    char copy[64];
    const char *slash = memchr(text, '/', n);
    size_t body = slash ? (size_t)(slash - text) : n;
    unsigned len = 0;

    *out = (struct beba_literal){0};
    if (!body || body >= sizeof(copy))
        return false;
    if (slash && !read_prefix_len(slash + 1, n - body - 1, &len))
        return false;
    memcpy(copy, text, body);
    copy[body] = '\0';
    if (read_ip4(copy, &out->number) && len <= 32)
        out->forms |= LIT_IP4;
    if (read_ip6(copy, &out->ip6) && len <= 128)
        out->forms |= LIT_IP6;
    if (read_mac(copy, body, &out->mac) && len <= 48)
        out->forms |= LIT_MAC;
    out->prefix = slash != NULL;
    out->prefix_len = (uint8_t)len;
    return out->forms != 0;
}
