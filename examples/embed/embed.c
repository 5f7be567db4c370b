/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A program of your own that runs a state machine: knocks at a door, then looks at its flows.
 *
 *     ./embed ../port_knocking.xfsm
 */
#include <beba/beba.h>
#include <stdio.h>

static const char *const packets[] = {
    "{ ip4.src = 10.0.0.1, tcp.dst = 22 }",   "{ ip4.src = 10.0.0.1, udp.dst = 1111 }",
    "{ ip4.src = 10.0.0.1, udp.dst = 2222 }", "{ ip4.src = 10.0.0.1, udp.dst = 3333 }",
    "{ ip4.src = 10.0.0.2, udp.dst = 1111 }", "{ ip4.src = 10.0.0.1, udp.dst = 4444 }",
    "{ ip4.src = 10.0.0.1, tcp.dst = 22 }",
};

int main(int argc, char **argv)
{
    struct beba_flow_info flow = {.size = sizeof(flow)};
    struct beba_message why = {""};
    struct beba_xfsm *program = NULL;
    struct beba_dp *dp = NULL;
    struct beba_outcome did;
    struct beba_frame frame; /* your packet: data, len, in_port, now */
    uint64_t now = 0, cursor = 0;
    uint8_t bytes[256];
    char *diagnostics;
    int rc = beba_xfsm_load_file(argc > 1 ? argv[1] : "port_knocking.xfsm", &program, &diagnostics);

    rc = rc ? rc : beba_dp_new(program, NULL, &dp, &why);
    for (size_t i = 0; !rc && i < sizeof(packets) / sizeof(*packets); i++, now += 100000000) {
        rc = beba_frame_build(packets[i], bytes, sizeof(bytes), 32, &frame, &why);
        frame.now = now; /* ns */
        rc = rc ? rc : beba_dp_feed(dp, &frame, &did);
        if (!rc)
            printf("%-40s %-6s %s\n", packets[i], beba_verdict_text(did.verdict),
                   did.rule ? did.rule : beba_reason_text(did.reason));
    }
    while (!rc && beba_dp_next_flow(dp, NULL, now, &cursor, &flow) == 1)
        printf("%s: %s is in %s, idle for %llu ms\n", flow.machine, flow.key, flow.state,
               (unsigned long long)(flow.idle / 1000000));
    fprintf(stderr, "%s%s", diagnostics ? diagnostics : "", why.text);
    beba_free(diagnostics);
    beba_dp_free(dp);
    beba_xfsm_free(program);
    return rc != 0;
}
