/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program of your own that runs a state machine: knocks at a door, then looks at its flows.
 *
 *     ./embed ../port_knocking.xfsm
 */
#include <stdio.h>

#include <beba/beba.h>

#define SECOND 1000000000ull

static const char *const packets[] = {
    "{ ip4.src = 10.0.0.1, tcp.dst = 22 }",   "{ ip4.src = 10.0.0.1, udp.dst = 1111 }",
    "{ ip4.src = 10.0.0.1, udp.dst = 2222 }", "{ ip4.src = 10.0.0.1, udp.dst = 3333 }",
    "{ ip4.src = 10.0.0.2, udp.dst = 1111 }", "{ ip4.src = 10.0.0.1, udp.dst = 4444 }",
    "{ ip4.src = 10.0.0.1, tcp.dst = 22 }",
};

int main(int argc, char **argv)
{
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_xfsm *program = NULL;
    struct beba_dp *dp = NULL;
    struct beba_message why = {""};
    uint64_t now = 0, cursor = 0;
    char *diagnostics = NULL;
    int rc = 1;

    if (beba_xfsm_load_file(argc > 1 ? argv[1] : "port_knocking.xfsm", &program, &diagnostics) ||
        beba_dp_new(program, NULL, &dp, &why))
        goto out;
    for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++, now += SECOND / 10) {
        struct beba_outcome outcome;
        struct beba_frame frame; /* your packet: data, len, in_port, now */
        uint8_t bytes[256];

        if (beba_frame_build(packets[i], bytes, sizeof(bytes), 32, &frame, &why))
            goto out;
        frame.now = now;
        if (beba_dp_feed(dp, &frame, &outcome))
            goto out;
        printf("%-40s %-6s %s\n", packets[i], beba_verdict_text(outcome.verdict),
               outcome.rule ? outcome.rule : beba_reason_text(outcome.reason));
    }
    while (beba_dp_next_flow(dp, NULL, now, &cursor, &flow) == 1)
        printf("%s: %s is in %s, idle for %llu ms\n", flow.machine, flow.key, flow.state,
               (unsigned long long)(flow.idle / 1000000));
    rc = 0;
out:
    fprintf(stderr, "%s%s", diagnostics ? diagnostics : "", why.text);
    beba_free(diagnostics);
    beba_dp_free(dp);
    beba_xfsm_free(program);
    return rc;
}
