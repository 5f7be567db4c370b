# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What README.md tells a new user to type on a live machine, line by line, while packets come.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( calm )  10.0.0.100
"""

import os
import re
import threading

import net as live


def blocks():
    """The program of README.md and the commands that it is used with."""
    with open(os.path.join(live.ROOT, "README.md"), encoding="utf-8") as f:
        text = f.read()
    program = re.search(r"<!-- file: calm\.xfsm -->\n```\n(.*?)```", text, re.S).group(1)
    commands = re.search(r"<!-- live: eth0 -->\n```sh\n(.*?)```", text, re.S).group(1)
    return program, [re.sub(r"^sudo ", "", line) for line in commands.splitlines()]


def test_the_readme_on_a_live_machine(pair, net, tmp_path):
    client, server = pair
    program, commands = blocks()
    (tmp_path / "calm.xfsm").write_text(program)
    bin_directory = os.path.dirname(live.BEBA)
    said, done = {}, threading.Event()

    def talk():
        with client.udp("10.0.0.1", 4000) as s:
            while not done.wait(0.01):
                s.sendto(b"x", ("10.0.0.100", 53))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for command in commands:
            words = command.split("#")[0].split()
            name = " ".join(words[1:3]) if words[0] == "beba" else words[0]
            if name == "show counters":  # there is something to count
                live.wait_until("drops are counted", lambda: server.counters("calm").verdict["drop"])
            r = server.run("bash", "-c", f"cd {tmp_path} && PATH={bin_directory}:$PATH; {command}",
                           timeout=60 * live.SLOW)
            said[name] = r.stdout.decode()
    finally:
        done.set()
        talker.join()
    assert "attached to eth0" in said["attach calm.xfsm"]
    assert "counting ip.src=10.0.0.1  sent=" in said["show flows"]
    assert re.search(r"drop +[1-9]", said["show counters"])
    assert "calm" in said["top --once"]
    assert "machine calm" in said["explain --dev"] and "verdict" in said["explain --dev"]
    assert "sent >= 100" in (tmp_path / "calm.xfsm").read_text()
    assert "calm" in said["replace calm"]
    assert "detached" in said["detach calm"]
    assert "xdp" not in server.link("eth0")
