# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Hosts and cables for the live tests: network namespaces and veth pairs, made here, gone after.

    with Net(directory) as net:
        client, server = net.host("client"), net.host("server")
        net.cable(client, "eth0", server, "eth0")
        client.address("eth0", "10.0.0.1/24")
        server.beba("attach", "knock.xfsm", "--dev", "eth0")

Names carry the process' id; what a killed process left is removed when the next one begins. The
BPF file system is one of the test's own: unmounting it takes everything away that was pinned.
Sockets are made inside a namespace and used from outside; so one Python program plays all hosts.
"""

import contextlib
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(ROOT, "examples")
BEBA = os.environ.get("BEBA", os.path.join(ROOT, "build", "beba"))
SLOW = float(os.environ.get("BEBA_TEST_SLOW", "1"))  # how much longer sanitizers take
PREFIX = "bebalive"
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33

libc = ctypes.CDLL(None, use_errno=True)


def cannot_switch(*more):
    """What is missing for `beba switch` to be tested, more tools among it; None when nothing is."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "nsenter", "ethtool", *more):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    built = subprocess.run([BEBA, "switch", "--help"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    return "this beba was built without the switch" if built.returncode else None


class Failed(AssertionError):
    """A command that was to succeed did not, or a condition did not come true."""


def run(*args, check=True, timeout=60, env=None, stdin=b"", stdout=subprocess.PIPE):
    done = subprocess.run([str(a) for a in args], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=timeout, env=env)
    if check and done.returncode:
        said = (done.stdout or b"") + done.stderr
        raise Failed(f"{' '.join(map(str, args))}: {done.returncode}\n{said.decode(errors='replace')}")
    return done


def wait_until(what, condition, timeout=10.0, every=0.02):
    """The first true value of condition(); Failed when there is none in time."""
    end = time.monotonic() + timeout * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {timeout * SLOW:g} s: {what}")
        time.sleep(every)


class Result:
    """What a beba command did."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        """Of JSON lines: all objects."""
        return [json.loads(line) for line in self.out.splitlines() if line]


class Counters:
    """Of one program, at one moment."""

    def __init__(self, of):
        self.of = of
        self.packets = of["packets"]
        self.verdict, self.reason = of["verdicts"], of["reasons"]

    def rule(self, machine, state, starts):
        """Packets that the rule took whose text begins so."""
        found = [r for m in self.of["machines"] if m["name"] == machine for r in m["rules"]
                 if r["state"] == state and r["rule"].startswith(starts)]
        assert len(found) == 1, (machine, state, starts, found)
        return found[0]["packets"]

    def named(self, name):
        value = self.of["counters"][name]
        return value["packets"] if isinstance(value, dict) else value

    def clean(self):
        """Nothing was lost that the program did not decide to lose."""
        return not any(self.of[name] for name in ("busy", "broken", "redirects_failed", "edits_failed"))


class Host:
    """A network namespace."""

    def __init__(self, net, name):
        self.net, self.name = net, f"{net.prefix}-{name}"
        run("ip", "netns", "add", self.name)
        with self.entered():
            for path in ("ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6"):
                with contextlib.suppress(OSError):
                    self._write(path, "1")
            for conf in ("all", "default"):
                self._write(f"ipv4/conf/{conf}/rp_filter", "0")
        self.run("ip", "link", "set", "lo", "up")

    @staticmethod
    def _write(path, value):
        with open("/proc/sys/net/" + path, "w", encoding="ascii") as f:
            f.write(value)

    @property
    def path(self):
        return "/run/netns/" + self.name

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace."""
        with open("/proc/thread-self/ns/net", encoding="ascii") as back, \
                open(self.path, encoding="ascii") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                if libc.setns(back.fileno(), CLONE_NEWNET):
                    os._exit(70)  # nothing may go on in the wrong namespace

    def command(self, *args):
        """Of that, one with the mounts of this process: bpffs stays where it is."""
        return ["nsenter", "--net=" + self.path, *[str(a) for a in args]]

    def run(self, *args, **kw):
        return run(*self.command(*args), env=kw.pop("env", self.net.env), **kw)

    def spawn(self, *args, **kw):
        """A process that runs beside the test and ends with it."""
        return self.net.keep(subprocess.Popen(self.command(*args), env=self.net.env,
                                              stdin=subprocess.DEVNULL, **kw))

    def beba(self, *args, check=True, timeout=60):
        """A command of beba in this namespace."""
        done = self.run(BEBA, *args, check=False, timeout=timeout * SLOW)
        text = done.stderr.decode("utf-8", "replace")
        if "Sanitizer" in text or "runtime error" in text or done.returncode < 0 or (
                check and done.returncode):
            raise Failed(f"beba {' '.join(map(str, args))}: {done.returncode}\n"
                         f"{done.stdout.decode('utf-8', 'replace')[-4000:]}{text[-8000:]}")
        return Result(done)

    def flows(self, name, machine=None):
        """Of a program: all flows, as JSON objects."""
        r = self.beba("show", "flows", name, "--json", *(["--machine", machine] if machine else []))
        return r.json["programs"][0]["flows"]

    def counters(self, name):
        return Counters(self.beba("show", "counters", name, "--json").json["programs"][0])

    def sysctl(self, path, value):
        with self.entered():
            self._write(path, str(value))

    def address(self, device, *addresses):
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", device)

    def route(self, *args):
        self.run("ip", "route", "add", *args)

    def offload(self, device, **features):
        """Switches of ethtool -K; _ stands for -."""
        words = [word for name, on in features.items()
                 for word in (name.replace("_", "-"), "on" if on else "off")]
        self.run("ethtool", "-K", device, *words)

    def link(self, device):
        return json.loads(self.run("ip", "-j", "-s", "-d", "link", "show", "dev", device).stdout)[0]

    def mac(self, device):
        return bytes.fromhex(self.link(device)["address"].replace(":", ""))

    def socket(self, *args):
        with self.entered():
            return self.net.keep(socket.socket(*args))

    def udp(self, address=None, port=0):
        s = self.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if address:
            s.bind((address, port))
        return s

    def tap(self, device):
        return Tap(self, device)

    def connect(self, address, port, timeout=1.0, source=None):
        """A TCP connection, or None when nobody answered in time."""
        s = self.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(timeout)
        if source:
            s.bind(source)
        try:
            s.connect((address, port))
        except OSError:
            s.close()
            return None
        s.settimeout(10 * SLOW)
        return s

    def serve(self, address, port, name=b"", backlog=128):
        """A TCP server that answers each line with name and the line."""
        listener = self.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(backlog)
        server = Server(listener, name)
        self.net.servers.append(server)
        return server


class Server:
    def __init__(self, listener, name):
        self.listener, self.name = listener, name
        self.peers, self.locals = [], []
        self.wake, self.stop_end = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        open_ones = []
        while True:
            ready, _, _ = select.select([self.listener, self.stop_end, *open_ones], [], [])
            if self.stop_end in ready:
                break
            for s in ready:
                if s is self.listener:
                    with contextlib.suppress(OSError):
                        new, peer = s.accept()
                        self.peers.append(peer)
                        self.locals.append(new.getsockname())
                        open_ones.append(new)
                    continue
                try:
                    data = s.recv(1 << 16)
                    if data:
                        s.sendall(self.name + data)
                except OSError:
                    data = b""
                if not data:
                    open_ones.remove(s)
                    s.close()
        for s in open_ones:
            s.close()

    def stop(self):
        with contextlib.suppress(OSError):
            self.wake.send(b"x")
        self.thread.join(5)
        self.stop_end.close()
        self.wake.close()


def ask(connection, text=b"hello\n"):
    """What the server says to that; None when the connection is dead."""
    try:
        connection.sendall(text)
        answer = b""
        while not answer.endswith(text):
            part = connection.recv(1 << 16)
            if not part:
                return None
            answer += part
        return answer[:-len(text)]
    except OSError:
        return None


class Tap:
    """Frames that come in at a device, and frames sent from it."""

    def __init__(self, host, device):
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.socket.bind((device, ETH_P_ALL))
        self.socket.setblocking(False)

    def send(self, frame):
        self.socket.send(frame)

    def take(self):
        """What has come in since the last time."""
        frames = []
        while True:
            try:
                data, where = self.socket.recvfrom(1 << 16)
            except BlockingIOError:
                return frames
            if where[2] != PACKET_OUTGOING:
                frames.append(data)

    def until(self, last, timeout=5.0):
        """What comes in up to and with a frame for which last(frame)."""
        frames = []

        def more():
            for frame in self.take():
                frames.append(frame)
                if last(frame):
                    return True
            return False
        wait_until("a certain frame", more, timeout, every=0.002)
        return frames


class Net:
    """All of one test; close() leaves nothing, whatever happened before."""

    count = 0

    def __init__(self, directory):
        Net.count += 1
        sweep_dead()
        self.prefix = f"{PREFIX}-{os.getpid()}-{Net.count}"
        self.bpffs = os.path.join(str(directory), "bpf")
        self.hosts, self.kept, self.servers = [], [], []
        os.makedirs(self.bpffs, exist_ok=True)
        run("mount", "-t", "bpf", "bpf", self.bpffs)
        self.env = dict(os.environ, BEBA_BPFFS=os.path.join(self.bpffs, "beba"),
                        LIBXDP_BPFFS=self.bpffs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def keep(self, thing):
        self.kept.append(thing)
        return thing

    def host(self, name):
        host = Host(self, name)
        self.hosts.append(host)
        return host

    def cable(self, a, a_device, b, b_device):
        """A veth pair. Checksums are computed by the senders, as on a wire: what XDP redirects or
        rewrites could not be completed later."""
        run("ip", "link", "add", a_device, "netns", a.name, "type", "veth", "peer", "name", b_device,
            "netns", b.name)
        for host, device in ((a, a_device), (b, b_device)):
            host.offload(device, tx=False, txvlan=False)
            host.run("ip", "link", "set", "dev", device, "up")
        for host, device in ((a, a_device), (b, b_device)):  # XDP can send to it: only once both are up
            host.offload(device, gro=True)

    def close(self):
        for server in self.servers:
            server.stop()
        for thing in reversed(self.kept):
            if isinstance(thing, subprocess.Popen):
                stop(thing)
            else:
                thing.close()
        run("umount", "--lazy", self.bpffs, check=False)
        for host in self.hosts:
            run("ip", "netns", "delete", host.name, check=False)
        self.hosts, self.kept, self.servers = [], [], []


def stop(process):
    """Ends a process that this test started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def sweep_dead():
    """Namespaces of tests that were killed."""
    if not os.path.isdir("/run/netns"):
        return
    for name in os.listdir("/run/netns"):
        m = re.fullmatch(PREFIX + r"-(\d+)-\d+-\w+", name)
        if m and not os.path.exists("/proc/" + m.group(1)):
            run("ip", "netns", "delete", name, check=False)


# --- frames --------------------------------------------------------------------------------------

def mac(n):
    """02:00:00:00:00:N"""
    return b"\2\0\0\0\0" + bytes([n])


BROADCAST = b"\xff" * 6


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def eth(dst, src, kind, payload, vlan=None):
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return (dst + src + tag + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def udp4(src, dst, sport, dport, payload=b""):
    """An IPv4 packet with a datagram; addresses as text."""
    a, b = socket.inet_aton(src), socket.inet_aton(dst)
    length = 8 + len(payload)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    total = checksum(a + b + struct.pack("!BBH", 0, 17, length) + head + payload) or 0xffff
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + a + b
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ip + head[:6] + struct.pack("!H", total) + payload
