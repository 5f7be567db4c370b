/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/address.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool passive, tls, local;
} methods[] = {
    {"tcp", false, false, false}, {"tls", false, true, false},  {"ssl", false, true, false},
    {"ptcp", true, false, false}, {"ptls", true, true, false},  {"pssl", true, true, false},
    {"unix", false, false, true}, {"punix", true, false, true},
};

static bool parse_port(const char *text, size_t n, uint16_t *out)
{
    uint32_t v = 0;

    if (!n || n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)v;
    return v <= 65535;
}

/* Host, in brackets or not, up to a colon or the end. */
static bool parse_host(const char **at, char *out, size_t size)
{
    const char *p = *at, *end;
    size_t n;

    if (*p == '[') {
        end = strchr(++p, ']');
        if (!end)
            return false;
        *at = end + 1;
    } else {
        end = p + strcspn(p, ":");
        *at = end;
    }
    n = (size_t)(end - p);
    if (n >= size)
        return false;
    memcpy(out, p, n);
    out[n] = '\0';
    return true;
}

static bool parse_active(const char *rest, struct beba_address *out)
{
    if (!parse_host(&rest, out->host, sizeof(out->host)) || !out->host[0])
        return false;
    if (!*rest)
        return true;
    return *rest == ':' && parse_port(rest + 1, strlen(rest + 1), &out->port) && out->port;
}

static bool parse_passive(const char *rest, struct beba_address *out)
{
    size_t n = strcspn(rest, ":");

    if (n && !parse_port(rest, n, &out->port))
        return false;
    rest += n;
    if (!*rest)
        return true;
    rest++;
    return parse_host(&rest, out->host, sizeof(out->host)) && !*rest;
}

static void write_text(struct beba_address *a, const char *method)
{
    const char *l = strchr(a->host, ':') ? "[" : "", *r = *l ? "]" : "";

    if (a->local)
        snprintf(a->text, sizeof(a->text), "%s:%s", method, a->path);
    else if (!a->passive)
        snprintf(a->text, sizeof(a->text), "%s:%s%s%s:%u", method, l, a->host, r, a->port);
    else
        snprintf(a->text, sizeof(a->text), "%s:%u%s%s%s%s", method, a->port, a->host[0] ? ":" : "",
                 l, a->host, r);
}

int beba_address_parse(const char *text, struct beba_address *out, struct beba_error *err)
{
    size_t n = strcspn(text, ":"), m;
    const char *rest = text + n + (text[n] == ':');
    bool good;

    for (m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
        if (strlen(methods[m].name) == n && !memcmp(methods[m].name, text, n))
            break;
    }
    if (m == sizeof(methods) / sizeof(methods[0])) {
        beba_error_set(err, -EINVAL, "'%s' is no address of a controller", text);
        beba_error_hint(err, "tcp:HOST:PORT, tls:HOST:PORT, ptcp:PORT, ptls:PORT, unix:PATH or "
                             "punix:PATH");
        return -EINVAL;
    }
    *out = (struct beba_address){.passive = methods[m].passive,
                                 .tls = methods[m].tls,
                                 .local = methods[m].local,
                                 .port = BEBA_OPENFLOW_PORT};
    if (out->local) {
        good = *rest && strlen(rest) < sizeof(out->path);
        if (good)
            memcpy(out->path, rest, strlen(rest) + 1);
    } else {
        good = out->passive ? parse_passive(rest, out) : parse_active(rest, out);
    }
    if (!good)
        return beba_error_set(err, -EINVAL, "'%s' is no %s of %s", text,
                              out->local ? "path" : "host and port", methods[m].name);
    write_text(out, out->tls ? (out->passive ? "ptls" : "tls") : methods[m].name);
    return 0;
}
