# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The daemon: control socket, metrics, ports that come and go, TLS, signals.

    h1 eth0 --- v1 [ switch ] v2 --- eth0 h2
"""

import contextlib
import json
import os
import signal
import socket
import ssl

import net as live
from conftest import Peer, need

pytestmark = [need("ovs-ofctl"), need("ping")]


def test_ports_come_and_go(switch):
    switch.start(ports=False)
    switch.ofctl("add-flow", "actions=flood")
    for port in ("v1=5", "v2"):
        live.run(live.BEBA, "ctl", "-S", switch.socket, "port-add", port)
    assert switch.ping() == 3
    assert [(p["port"], p["name"], p["up"]) for p in switch.ctl("ports")] == [
        (1, "v2", True), (5, "v1", True)]
    again = live.run(live.BEBA, "ctl", "-S", switch.socket, "port-add", "v1", check=False)
    assert again.returncode == 1 and b"already" in again.stderr

    # An interface vanishes, and comes back under the same number.
    switch.s.run("ip", "link", "del", "v2")
    live.wait_until("the port is absent", lambda: not switch.ctl("ports")[0]["present"])
    assert "(v2)" not in switch.ofctl("show")
    switch.net.cable(switch.s, "v2", switch.hosts[1], "eth0")
    switch.hosts[1].run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:02")
    switch.hosts[1].address("eth0", "10.0.0.2/24")
    live.wait_until("the port is back", lambda: switch.ctl("ports")[0]["up"])
    assert switch.ping() == 3
    live.run(live.BEBA, "ctl", "-S", switch.socket, "port-del", "5")
    assert len(switch.ctl("ports")) == 1


def test_several_workers(switch):
    switch.start("--workers", "3")
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping(count=10) == 10


def test_local_port(switch):
    """The switch's own interface: h1 reaches it."""
    switch.start("--local", "br0")
    switch.s.address("br0", "10.0.0.9/24")
    switch.ofctl("add-flow", "in_port=1,actions=LOCAL")
    switch.ofctl("add-flow", "in_port=LOCAL,actions=output:1")
    assert "LOCAL(br0)" in switch.ofctl("show")
    assert switch.ping(1, 9) == 3


def test_metrics(switch):
    switch.start("--metrics", "127.0.0.1:9100")
    switch.ofctl("add-flow", "actions=flood")
    assert switch.ping() == 3
    s = switch.s.connect("127.0.0.1", 9100)
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    text = b""
    while part := s.recv(65536):
        text += part
    head, body = text.decode().split("\r\n\r\n", 1)
    assert head.startswith("HTTP/1.1 200 OK") and f"Content-Length: {len(body)}" in head
    values = dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
    assert int(values['beba_port_receive_packets_total{port="1",name="v1"}']) >= 3
    assert values['beba_table_entries{table="0"}'] == "1"
    assert int(values["beba_flow_mods_total"]) >= 1
    s = switch.s.connect("127.0.0.1", 9100)
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert s.recv(100).startswith(b"HTTP/1.1 404")


def test_control_socket(switch):
    switch.start("--pidfile", str(switch.dir / "pid"))
    assert os.stat(switch.socket).st_mode & 0o777 == 0o700
    assert (switch.dir / "pid").read_text() == f"{switch.process.pid}\n"
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(switch.socket)
    f = s.makefile("rw")
    for request in ("nonsense", "[]", '{"do": 3}', '{"do": "fly"}',
                    '{"do": "flows", "table": 255}', '{"do": "log", "level": "loud"}'):
        f.write(request + "\n")
        f.flush()
        assert "error" in json.loads(f.readline()), request
    f.write('{"do": "log", "level": "error"}\n{"do": "show"}\n')
    f.flush()
    assert json.loads(f.readline()) == {"ok": True}
    assert json.loads(f.readline())["log_level"] == "error"
    s.close()
    wrong = live.run(live.BEBA, "ctl", "-S", switch.socket, "fly", check=False)
    assert wrong.returncode == 2
    live.run(live.BEBA, "ctl", "-S", switch.socket, "stop")
    assert switch.process.wait(10) == 0
    assert not os.path.exists(switch.dir / "pid")
    gone = live.run(live.BEBA, "ctl", "-S", switch.socket, "show", check=False)
    assert gone.returncode == 1 and b"cannot reach the switch" in gone.stderr


def test_events(switch):
    switch.start()
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(switch.socket)
    s.sendall(b'{"do": "events"}\n')
    switch.ctl("show")
    switch.hosts[0].run("ip", "link", "set", "eth0", "down")
    event = json.loads(s.recv(4096).decode().splitlines()[0])
    assert event == {"event": "port changed", "port": 1, "up": False}
    peer = switch.peer().hello()
    assert json.loads(s.recv(4096)) == {"event": "controllers", "n": 1}
    peer.s.close()
    assert json.loads(s.recv(4096)) == {"event": "controllers", "n": 0}
    s.close()


def test_programs(switch, tmp_path):
    """A program at a table, beside what a controller adds; both are back after a kill."""
    state = str(tmp_path / "state")
    program = os.path.join(live.EXAMPLES, "mac_learning.xfsm")
    switch.start("--state", state)

    def ctl(*args, check=True):
        return live.run(live.BEBA, "ctl", "-S", switch.socket, *args, check=check)

    ctl("load", program, "--table", "3")
    assert switch.ping(count=1) == 0
    switch.ofctl("add-flow", "actions=goto_table:3")
    assert switch.ping() == 3
    rules = {f["rule"]: f["packets"] for f in switch.ctl("flows", "--table", "3")}
    assert any("mac_learning" in rule and n for rule, n in rules.items()), rules
    assert switch.ctl("programs")[0]["path"] == program
    switch.kill()
    switch.log_path += "2"
    switch.start("--state", state)
    assert switch.ping() == 3
    wrong = tmp_path / "wrong.xfsm"
    wrong.write_text("machine m {\n    key ip.sorc\n}\n")
    refused = ctl("load", wrong, "--table", "4", check=False)
    assert refused.returncode == 1 and b"wrong.xfsm:2:9" in refused.stderr
    assert b"entries" in ctl("load", program, check=False).stderr
    ctl("unload", "--table", "3")
    assert switch.ctl("programs") == [] and ctl("unload", check=False).returncode == 1
    assert switch.ping(count=1) == 0


def test_ready(switch, tmp_path):
    """systemd is told, and a signal ends it in order."""
    path = str(tmp_path / "notify")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(10)
    switch.net.env["NOTIFY_SOCKET"] = path
    switch.start()
    assert s.recv(100) == b"READY=1"
    assert switch.kill(signal.SIGTERM) == 0
    assert s.recv(100) == b"STOPPING=1"
    del switch.net.env["NOTIFY_SOCKET"]
    s.close()


def certificate(directory, name, ca=None):
    """A key and a certificate; without ca, an authority's."""
    key, cert = directory / f"{name}.key", directory / f"{name}.pem"
    live.run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-keyout", key, "-subj", f"/CN={name}", "-out", directory / "csr",
             *(["-x509"] if not ca else []))
    if not ca:
        os.rename(directory / "csr", cert)
    else:
        live.run("openssl", "x509", "-req", "-in", directory / "csr", "-CA", directory / f"{ca}.pem",
                 "-CAkey", directory / f"{ca}.key", "-CAcreateserial", "-out", cert)
    return key, cert


@need("openssl")
def test_tls(switch, tmp_path):
    certificate(tmp_path, "ca")
    certificate(tmp_path, "other")
    for name in ("switch", "client"):
        certificate(tmp_path, name, "ca")
    certificate(tmp_path, "stranger", "other")
    switch.start("-c", "ptls:6640", "--private-key", tmp_path / "switch.key", "--certificate",
                 tmp_path / "switch.pem", "--ca-cert", tmp_path / "ca.pem")

    def ofctl(who, ca, *args):
        done = switch.s.run("ovs-ofctl", "-O", "OpenFlow13", "-p", tmp_path / f"{who}.key", "-c",
                            tmp_path / f"{who}.pem", "-C", tmp_path / f"{ca}.pem", args[0],
                            "ssl:127.0.0.1:6640", *args[1:], check=False, timeout=20)
        return done.stdout.decode()

    assert "n_tables:254" in ofctl("client", "ca", "show")
    ofctl("client", "ca", "add-flow", "actions=flood")
    assert switch.ping() == 3
    assert "n_tables" not in ofctl("stranger", "ca", "show")
    assert "certificate is refused" in switch.log()
    switch.process.send_signal(signal.SIGHUP)
    live.wait_until("it has reloaded", lambda: "reloading" in switch.log())
    assert "n_tables:254" in ofctl("client", "ca", "show")
    assert switch.ping() == 3


@need("openssl")
def test_tls_dialled(switch, tmp_path):
    """The switch dials a controller that wants its certificate, and refuses a stranger."""
    certificate(tmp_path, "ca")
    certificate(tmp_path, "other")
    for name in ("switch", "controller"):
        certificate(tmp_path, name, "ca")
    certificate(tmp_path, "stranger", "other")
    listener = switch.s.socket()
    listener.bind(("127.0.0.1", 6641))
    listener.listen()
    listener.settimeout(20 * live.SLOW)
    switch.start("-c", "tls:127.0.0.1:6641", "--private-key", tmp_path / "switch.key",
                 "--certificate", tmp_path / "switch.pem", "--ca-cert", tmp_path / "ca.pem")

    def accept(who):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / f"{who}.pem", tmp_path / f"{who}.key")
        context.load_verify_locations(tmp_path / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        raw = listener.accept()[0]
        raw.settimeout(10 * live.SLOW)
        return context.wrap_socket(raw, server_side=True)

    with contextlib.suppress(ssl.SSLError, ConnectionError):
        accept("stranger").close()
    live.wait_until("the stranger is refused", lambda: "certificate is refused" in switch.log())
    peer = Peer(accept("controller")).hello()
    assert peer.barrier() == []
    peer.send(2, b"x" * 60000)
    assert peer.until(3)[2] == b"x" * 60000
    assert switch.counters()["controllers"] == 1
    peer.s.close()
