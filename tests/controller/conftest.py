# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the controller tests share: hosts around a switch, an application that programs it."""

import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "live"))

import net as live  # noqa: E402

CONTROLLER = os.path.join(live.ROOT, "controller")
MANAGER = shutil.which("osken-manager")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


MISSING = live.cannot_switch("osken-manager")


def pytest_collection_modifyitems(items):
    if MISSING:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=MISSING))


class Lab(live.Net):
    """Controllers and switches live in the namespace "s"; hosts around it."""

    def __init__(self, directory):
        super().__init__(directory)
        self.directory, self.logs, self.switches = str(directory), {}, []
        self.s = self.host("s")

    def logged(self, name, host, *args):
        path = os.path.join(self.directory, name + ".log")
        self.logs[name] = path
        with open(path, "wb") as out:
            return host.spawn(*args, stdout=out, stderr=subprocess.STDOUT)

    def log(self, name):
        with open(self.logs[name], encoding="utf-8", errors="replace") as f:
            return f.read()

    def station(self, number, port=None):
        """Host number N: 10.0.0.N, 02:00:00:00:00:0N, at port pN of the switch."""
        host = self.host(f"h{number}")
        self.cable(host, "eth0", self.s, port or f"p{number}")
        host.run("ip", "link", "set", "dev", "eth0", "address", f"02:00:00:00:00:{number:02x}")
        host.address("eth0", f"10.0.0.{number}/24")
        return host

    def app(self, name, module=None):
        """Starts an application; it listens at 127.0.0.1:6653 of the switch's namespace."""
        path = module or os.path.join(CONTROLLER, "apps", name + ".py")
        self.env = dict(self.env, PYTHONPATH=CONTROLLER, PYTHONUNBUFFERED="1")
        process = self.logged(name, self.s, PYTHON, MANAGER, "--ofp-listen-host", "127.0.0.1",
                              "--ofp-tcp-listen-port", "6653", path)
        live.wait_until("the controller listens", lambda: self.s.run(
            "sh", "-c", "ss -ltn | grep -q :6653", check=False).returncode == 0, 20)
        return process

    def switch(self, *ports, name="switch", dpid=1, options=()):
        """ports: device names, numbered from 1."""
        words = [w for i, p in enumerate(ports, 1) for w in ("--port", f"{p}={i}")]
        self.switches.append(name)
        return self.logged(name, self.s, live.BEBA, "switch", *words, "--dpid", f"{dpid:016x}",
                           "--controller", "tcp:127.0.0.1:6653", "--control", self.control(name),
                           *options)

    def control(self, name="switch"):
        return os.path.join(self.directory, name + ".ctl")

    def ctl(self, *args, name="switch"):
        return self.s.beba("ctl", "--control", self.control(name), *args)

    def ready(self, app, switches=1):
        live.wait_until("the switches are set up", lambda: self.log(app).count("is set up") >=
                        switches, 20)
        assert "refuses" not in self.log(app), self.log(app)
        for name in self.switches:  # what is sent before a link is seen to be up is lost
            live.wait_until("all ports are up", lambda: all(
                port["up"] for port in self.ctl("ports", "--json", name=name).lines))


@pytest.fixture
def lab(tmp_path):
    with Lab(tmp_path) as made:
        yield made
        for name, path in made.logs.items():
            with open(path, encoding="utf-8", errors="replace") as f:
                text = f.read()
            print(f"--- {name}\n{text[-3000:]}")
            assert "Sanitizer" not in text and "runtime error" not in text


def pings(host, address, count=3, interval=0.1):
    """How many of the pings are answered."""
    done = host.run("ping", "-n", "-q", "-c", count, "-i", interval, "-W", 1, address, check=False)
    words = done.stdout.decode().split()
    return int(words[words.index("received,") - 1])
