# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The commands of the systemd unit do their work with no more than the unit leaves them.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( ssh, by beba@ssh )  10.0.0.100, a service at tcp 22

systemd itself is not there: its part, capabilities and variables, is played by setpriv and the test.
"""

import os
import re
import shlex

import net as live

UNIT = os.path.join(os.path.dirname(os.path.abspath(live.BEBA)), "systemd", "beba@.service")


class Service:
    def __init__(self, host, name, conf, etc):
        with open(UNIT, encoding="utf-8") as f:
            self.text = f.read().replace("%i", name).replace("/etc/beba", str(etc)) \
                .replace("%t", str(etc / "run"))
        for made in re.findall(r"^RuntimeDirectory=(.*)$", self.text, re.M):
            (etc / "run" / made).mkdir(mode=0o700, parents=True)
        self.host = host
        self.vars = dict(re.findall(r"^Environment=(\w+)=(.*)$", self.text, re.M))
        self.vars.update(line.split("=", 1) for line in conf.splitlines())
        kept = {c[4:].lower() for c in re.search(r"CapabilityBoundingSet=(.*)", self.text).group(1).split()}
        all_caps = live.run("setpriv", "--list-caps").stdout.decode().split()
        assert kept < set(all_caps)
        self.limits = ["setpriv", "--no-new-privs", "--inh-caps=-all",
                       "--bounding-set=" + ",".join("-" + c for c in all_caps if c not in kept)]

    def do(self, what):
        """What Exec<what>= says, line by line; "-" before one: it may fail."""
        for may_fail, program, line in re.findall(rf"^Exec{what}=(-?)(\S+) (.*)$", self.text, re.M):
            words = [live.BEBA if program.endswith("/beba") else program]
            for word in shlex.split(line):
                words += self.vars[word[1:]].split() if word.startswith("$") else [word]
            self.host.run(*self.limits, *words, check=not may_fail, timeout=60 * live.SLOW)


def test_start_reload_stop(pair, edited, tmp_path):
    client, server = pair
    server.serve("10.0.0.100", 22, b"sshd ")
    edited("port_knocking", to="ssh")
    service = Service(server, "ssh", "BEBA_OPTIONS=--dev eth0 --hook xdp", tmp_path)
    service.do("Start")
    assert client.connect("10.0.0.100", 22, 0.3) is None
    with client.udp() as s:
        for port in (1111, 2222, 3333, 4444):
            s.sendto(b"knock", ("10.0.0.100", port))
    visitor = client.connect("10.0.0.100", 22, 3)
    assert visitor and live.ask(visitor) == b"sshd "

    # The program is changed and reloaded: who is in stays in, and the new rule holds.
    edited("port_knocking", ("on tcp.dst == 22 { pass }", "on tcp.dst in { 22, 80 } { pass }"), to="ssh")
    server.serve("10.0.0.100", 80, b"web ")
    assert client.connect("10.0.0.100", 80, 0.3) is None
    service.do("Reload")
    assert live.ask(visitor) == b"sshd "
    web = client.connect("10.0.0.100", 80, 3)
    assert web and live.ask(web) == b"web "

    service.do("Stop")
    assert "xdp" not in server.link("eth0")
    assert not server.beba("show", "--json").json["programs"]
