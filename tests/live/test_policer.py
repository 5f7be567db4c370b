# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A policer holds what iperf3 sends, three times too much, to its rate.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( token_bucket, xdp )  10.0.0.100, iperf3 -s
"""

import json
import subprocess

import net as live

RATE = 20e6        # bits a second, of whole frames
BURST = 256000     # bytes
PAYLOAD = 1400
FRAME = PAYLOAD + 42
SECONDS = 4


def test_the_rate(pair, edited, tool):
    tool("iperf3")
    client, server = pair
    program = edited("token_bucket", ("const PPS = 1000", "const PPS = 100000"),
                     ("const BURST = 100", "const BURST = 10000"),
                     ("const RATE = 8Mbps", f"const RATE = {RATE / 1e6:.0f}Mbps"),
                     ("const BURST_BYTES = 64kB", f"const BURST_BYTES = {BURST // 1000}kB"))
    # The tests in the example are of its own rates.
    text = program.read_text()
    program.write_text(text[:text.index('\ntest "')])
    server.beba("attach", program, "--dev", "eth0")
    server.spawn("iperf3", "-s", "-B", "10.0.0.100", stdout=subprocess.DEVNULL)
    live.wait_until("iperf3", lambda: listens(server, 5201))
    done = client.run("iperf3", "-c", "10.0.0.100", "-u", "-b", str(int(3 * RATE)), "-l", PAYLOAD,
                      "-t", SECONDS, "--json", timeout=60 * live.SLOW)
    end = json.loads(done.stdout)["end"]["sum"]
    sent, received = end["packets"], end["packets"] - end["lost_packets"]
    seconds = end["seconds"]
    rate = (received * FRAME - BURST) * 8 / seconds
    print(f"sent {sent * FRAME * 8 / seconds / 1e6:.2f} Mbps, passed {rate / 1e6:.3f} Mbps "
          f"of {RATE / 1e6:.0f} Mbps beside the first burst")
    assert sent * FRAME * 8 / seconds > 2 * RATE, "too little was sent to tell"
    assert abs(rate - RATE) / RATE < 0.05
    counters = server.counters("token_bucket")
    assert counters.clean()
    assert abs(counters.named("policed") - end["lost_packets"]) < 0.01 * sent


def listens(host, port):
    with host.entered(), open("/proc/thread-self/net/tcp", encoding="ascii") as f:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
                   for line in f.readlines()[1:])
