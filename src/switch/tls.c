/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "switch/tls.h"
#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

struct beba_tls_context {
    SSL_CTX *ctx;
};

struct beba_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
};

static void last_error(char *out, size_t size)
{
    unsigned long e = ERR_get_error(), next;

    while ((next = ERR_get_error()) != 0)
        e = next;
    if (e)
        ERR_error_string_n(e, out, size);
    else
        snprintf(out, size, "unknown error");
}

int beba_tls_context_new(const char *private_key, const char *certificate, const char *ca_cert,
                         struct beba_tls_context **out, struct beba_error *err)
{
    struct beba_tls_context *c = calloc(1, sizeof(*c));
    char why[200];

    if (!c || !(c->ctx = SSL_CTX_new(TLS_method()))) {
        free(c);
        return beba_error_set(err, -ENOMEM, "not enough memory for TLS");
    }
    SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(c->ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(c->ctx, certificate) != 1) {
        last_error(why, sizeof(why));
        beba_error_set(err, -EINVAL, "cannot use the certificate: %s", why);
        beba_error_where(err, "%s", certificate);
    } else if (SSL_CTX_use_PrivateKey_file(c->ctx, private_key, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(c->ctx) != 1) {
        last_error(why, sizeof(why));
        beba_error_set(err, -EINVAL, "cannot use the private key: %s", why);
        beba_error_where(err, "%s", private_key);
    } else if (SSL_CTX_load_verify_locations(c->ctx, ca_cert, NULL) != 1) {
        last_error(why, sizeof(why));
        beba_error_set(err, -EINVAL, "cannot use the authority's certificate: %s", why);
        beba_error_where(err, "%s", ca_cert);
    } else {
        *out = c;
        return 0;
    }
    beba_tls_context_free(c);
    return -EINVAL;
}

void beba_tls_context_free(struct beba_tls_context *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->ctx);
    free(c);
}

struct beba_tls *beba_tls_new(struct beba_tls_context *context, bool server)
{
    struct beba_tls *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->ssl = SSL_new(context->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        SSL_free(t->ssl);
        BIO_free(t->in);
        BIO_free(t->out);
        free(t);
        return NULL;
    }
    BIO_set_mem_eof_return(t->in, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    if (server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return t;
}

void beba_tls_free(struct beba_tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t);
}

bool beba_tls_feed(struct beba_tls *t, const uint8_t *data, size_t len)
{
    return len <= INT_MAX && BIO_write(t->in, data, (int)len) == (int)len;
}

int beba_tls_read(struct beba_tls *t, uint8_t *out, size_t size, char why[160])
{
    long verified;
    int n;

    ERR_clear_error();
    n = SSL_read(t->ssl, out, size > INT_MAX ? INT_MAX : (int)size);
    if (n > 0)
        return n;
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return -EPIPE;
    default:
        break;
    }
    verified = SSL_get_verify_result(t->ssl);
    if (verified != X509_V_OK)
        snprintf(why, 160, "the peer's certificate is refused: %s",
                 X509_verify_cert_error_string(verified));
    else
        last_error(why, 160);
    return -EPROTO;
}

bool beba_tls_write(struct beba_tls *t, const uint8_t *data, size_t len)
{
    ERR_clear_error();
    while (len) {
        int part = len > INT_MAX ? INT_MAX : (int)len;
        int n = SSL_write(t->ssl, data, part);

        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

size_t beba_tls_pending(struct beba_tls *t)
{
    return BIO_ctrl_pending(t->out);
}

size_t beba_tls_take(struct beba_tls *t, uint8_t *out, size_t size)
{
    int n = BIO_read(t->out, out, size > INT_MAX ? INT_MAX : (int)size);

    return n > 0 ? (size_t)n : 0;
}

bool beba_tls_done(const struct beba_tls *t)
{
    return SSL_is_init_finished(t->ssl);
}
