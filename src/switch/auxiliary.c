/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "base/error.h"
#include "switch/session.h"

void beba_session_auxiliaries_open(struct beba_session *s)
{
    const struct beba_agent_opts *o = &s->agent->o;
    struct beba_error err;

    if (s->auxiliary || beba_endpoint_address(s->endpoint)->passive)
        return;
    for (unsigned i = 0; i < o->auxiliary && i < BEBA_SESSION_AUXILIARIES; i++) {
        if (beba_endpoint_again(s->endpoint, &s->auxiliaries[i], &err))
            beba_log(o->log, BEBA_LOG_WARNING, "%s: no auxiliary connection: %s",
                     beba_conn_peer(s->conn), err.what);
    }
}

/* Those that stand lose their main connection now, and go later. */
void beba_session_auxiliaries_close(struct beba_session *s)
{
    for (struct beba_session *other = s->agent->first; other; other = other->next) {
        if (other->main == s)
            other->main = NULL;
    }
    for (unsigned i = 0; i < BEBA_SESSION_AUXILIARIES; i++) {
        beba_endpoint_close(s->auxiliaries[i]);
        s->auxiliaries[i] = NULL;
    }
}

void beba_session_find_main(struct beba_session *s)
{
    for (struct beba_session *main = s->agent->first; main; main = main->next) {
        for (unsigned i = 0; i < BEBA_SESSION_AUXILIARIES; i++) {
            if (main->auxiliaries[i] != s->endpoint)
                continue;
            s->main = main;
            s->auxiliary = (uint8_t)(i + 1);
            return;
        }
    }
}

struct beba_session *beba_session_main(struct beba_session *s)
{
    return s->main ? s->main : s;
}
