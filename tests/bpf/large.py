#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs that are too large for the verifier at once, in the kernel and in the interpreter: a
pipeline of 60 machines, which is split into programs that jump to each other, and one machine of
200 states with 800 rules, whose rules are split into functions.

    large.py DIFFERENTIAL SOURCE_ROOT

Prints TAP."""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import objects  # noqa: E402

SKIPPED = 77
MACHINES, STATES = 60, 200
KEYS = ["ip.src", "l4.dst", "eth.src", "ip.dst", "flow"]

MACHINE = """
machine m{n} {{
    key {key}
    reg count : u16
    capacity 64 when full refuse -> next
    without key -> next
    default -> next
    state a {{
        on udp && l4.dst % {mod} == 0 {{ count += 1; goto b }}
        on tcp.syn {{ count = {n}; ip.ttl = {n} + 1 }}
    }}
    state b{idle} {{
        on count > 3 {{ count c{n}; goto a; {verdict} }}
        else {{ count += 1 }}
    }}
}}
"""

STATE = """
    state s{n} idle {idle}s -> s{back} {{
        on udp.dst % 7 == {mod} {{ count += {n}; goto s{next} }}
        on tcp && tcp.dst in {{ {n}, {port}, 80 }} {{ seen = tcp.src; goto s{far} }}
        on count > {much} && ip.ttl < 5 {{ count = 0; drop }}
        on seen > {port} {{ seen = 0; output(1 + count % 3) }}
    }}"""


def pipeline():
    """Some machines end a packet's way, some have timeouts: all go on from program to program."""
    return "".join(MACHINE.format(n=n, key=KEYS[n % 5], mod=2 + n % 3,
                                  idle=" idle 1s -> a" if n % 4 == 0 else "",
                                  verdict="drop" if n % 20 == 19 else "next")
                   for n in range(MACHINES))


def machine():
    states = "".join(STATE.format(n=n, idle=n + 1, back=n * 7 % STATES, mod=n % 7,
                                  next=(n + 1) % STATES, far=(n + 51) % STATES, port=1000 + n,
                                  much=n * 10) for n in range(STATES))
    return f"""machine many {{
    key ip.src
    reg count : u32
    reg seen : u16
    capacity 128
    without key -> pass
    default -> pass{states}
}}
"""


def main():
    differential, root = sys.argv[1:]
    env = dict(os.environ, BEBA_OBJECTS=objects.directory(root))
    captures = [os.path.join(root, "tests", "captures", name) for name in ("tcp.pcap", "udp.pcap")]
    tests = [("60 machines", "xdp", pipeline()), ("200 states", "xdp", machine()),
             ("200 states", "tc", machine())]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="beba-large-") as where:
        for n, (name, target, text) in enumerate(tests, 1):
            path = os.path.join(where, name.replace(" ", "_") + ".xfsm")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([differential, "-t", target, path, "--", *captures], env=env,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=False)
            if done.returncode == SKIPPED:
                print(f"SKIPPED: {done.stdout.splitlines()[-1]}")
                sys.exit(SKIPPED)
            failed += done.returncode != 0
            lines = done.stdout.splitlines() or [f"exit {done.returncode}"]
            print(f"{'not ok' if done.returncode else 'ok'} {n} - {name} in {target}: {lines[-1]}",
                  flush=True)
            if done.returncode:
                for line in lines[-40:]:
                    print(f"#   {line[:300]}")
    print(f"1..{len(tests)}")
    sys.exit(failed != 0)


main()
