# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the tests of programs in the kernel share: namespaces and devices of their own, a BPF file
system of their own, frames. $BEBA is the binary under test. They need root, and skip without."""

import atexit
import contextlib
import ctypes
import errno
import itertools
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEBA = os.environ.get("BEBA", os.path.join(ROOT, "build", "beba"))
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
NUMBERS = itertools.count()
BUILT = tempfile.mkdtemp(prefix="beba-objects-")
OBJECTS = {}
os.environ["BEBA_CACHE"] = os.path.join(BUILT, "cache")
atexit.register(shutil.rmtree, BUILT, ignore_errors=True)

# No flows: it is loaded in a moment.
PLAIN = """global seen : u32
machine plain {
    on udp.dst == 7 { seen += 1; count seven; drop }
    else { pass }
}
"""

# Two datagrams to port 7 of a source pass.
COUNTED = """set blocked : ip4 = { 10.9.0.0/16 }
global total : u32
machine counted {
    key ip4.src
    capacity 1k
    without key -> pass
    reg n : u16
    state fresh {
        on ip4.src in blocked { count refused; drop }
        on udp.dst == 7 { n = 1; total += 1; goto seen; pass }
        else { pass }
    }
    state seen idle 60s -> fresh notify {
        on udp.dst == 7 && n < 2 { n += 1; pass }
        on udp.dst == 7 { notify "too many" { ip4.src, n }; drop }
        else { pass }
    }
}
"""

# What comes in at port 1 goes out at port 2, and the other way.
WIRE = """machine wire {
    on in_port == 1 { output(2) }
    else { output(1) }
}
"""


def sh(*args, check=True):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    assert not check or done.returncode == 0, (args, done.stderr)
    return done.stdout


def require():
    """Skips, and says why, where nothing can be put into the kernel."""
    if os.geteuid():
        pytest.skip("the tests of the kernel need root")
    for tool in ("ip", "nsenter", "mount", "bpftool"):
        if subprocess.run(["which", tool], stdout=subprocess.DEVNULL).returncode:
            pytest.skip(f"the tests of the kernel need {tool}")
    done = subprocess.run(["ip", "netns", "add", "beba-try"], stderr=subprocess.PIPE)
    if done.returncode:
        pytest.skip("no network namespaces here: " + done.stderr.decode())
    sh("ip", "netns", "del", "beba-try")


class Result:
    def __init__(self, done):
        self.code, self.text, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.text)


class Net:
    """A namespace with pairs of devices a0 - b0, a1 - b1, ...; programs go to the a side."""

    def __init__(self, directory, pairs):
        self.name = f"beba-{os.getpid()}-{next(NUMBERS)}"
        self.bpffs = os.path.join(directory, "bpf")
        self.env = dict(os.environ, BEBA_BPFFS=self.bpffs + "/beba", LIBXDP_BPFFS=self.bpffs)
        self.directory = directory
        os.mkdir(self.bpffs)
        sh("mount", "-t", "bpf", "bpf", self.bpffs)
        sh("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        for i in range(pairs):
            self.ip("link", "add", f"a{i}", "address", f"02:00:00:00:0a:{i:02x}", "type", "veth",
                    "peer", "name", f"b{i}")
            for dev in (f"a{i}", f"b{i}"):
                self.sh("sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1", check=False)
                self.ip("link", "set", dev, "up")

    def close(self):
        sh("ip", "netns", "del", self.name, check=False)
        sh("umount", "-l", self.bpffs, check=False)

    def ip(self, *args, check=True):
        return sh("ip", "-n", self.name, *args, check=check)

    def sh(self, *args, check=True):
        return sh("nsenter", f"--net=/run/netns/{self.name}", *args, check=check)

    def start(self, *args, env=None, before=()):
        return subprocess.Popen([*before, "nsenter", f"--net=/run/netns/{self.name}", BEBA,
                                 *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, cwd=self.directory, env=dict(self.env, **(env or {})))

    def beba(self, *args, env=None):
        process = self.start(*args, env=env)
        process.stdout, process.stderr, texts = None, None, process.communicate(timeout=120)
        process.stdout, process.stderr = texts
        assert process.returncode in (0, 1, 2), (args, process.returncode, process.stderr)
        assert "Sanitizer" not in process.stderr, process.stderr
        return Result(process)

    def ok(self, *args):
        r = self.beba(*args)
        assert r.code == 0, (args, r.err)
        return r

    def object(self, name, text, target="xdp"):
        """Builds a program, once in a run; returns the object's path."""
        key = name, text, target
        out = os.path.join(BUILT, f"{len(OBJECTS)}.o")
        with open(os.path.join(self.directory, name + ".xfsm"), "w", encoding="utf-8") as f:
            f.write(text)
        if key not in OBJECTS:
            self.ok("build", f.name, "--target", target, "-o", out)
            OBJECTS[key] = out
        return OBJECTS[key]

    def xdp(self, dev):
        """The name of the XDP program on a device, or None."""
        info = json.loads(self.ip("-d", "-j", "link", "show", dev))[0]
        return info.get("xdp", {}).get("prog", {}).get("name")

    def tc(self, dev):
        """Numbers of the programs on the tc hooks of a device: of tcx, and filters."""
        index = int(self.ip("-o", "link", "show", dev).split(":")[0])
        found = []
        for kind in (46, 47):  # BPF_TCX_INGRESS, BPF_TCX_EGRESS
            ids = (ctypes.c_uint32 * 16)()
            attr = struct.pack("=IIIIQI", index, kind, 0, 0, ctypes.addressof(ids), 16)
            attr = ctypes.create_string_buffer(attr + bytes(128 - len(attr)), 128)
            with self.inside():
                LIBC.syscall(321, 16, attr, 128)  # BPF_PROG_QUERY; before 6.6 there is no tcx
            found += [i for i in ids if i]
        for side in ("ingress", "egress"):
            filters = self.sh("tc", "-j", "filter", "show", "dev", dev, side, check=False)
            found += [f["options"]["prog"]["id"] for f in json.loads(filters or "[]")
                      if "options" in f]
        return found

    def left(self):
        """What is in the BPF file system."""
        root = self.bpffs + "/beba"
        return sorted(os.listdir(root)) if os.path.isdir(root) else []

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            assert LIBC.setns(there, CLONE_NEWNET) == 0
            yield
        finally:
            assert LIBC.setns(own, CLONE_NEWNET) == 0
            os.close(own)
            os.close(there)

    def socket(self, dev):
        """A packet socket on a device of the namespace."""
        with self.inside():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind((dev, 0))
        return s

    def send(self, dev, *frames):
        with self.socket(dev) as s:
            for frame in frames:
                try:
                    s.send(frame)
                except OSError as e:
                    if e.errno != errno.ENOBUFS:  # so the sender is told of a drop on its way out
                        raise
        time.sleep(0.02)


def udp(src, dport, payload=b"x" * 20, sport=4000):
    """A frame with a UDP datagram from SRC ("10.0.0.1") to 10.0.0.99."""
    length = 28 + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, socket.inet_aton(src),
                       bytes([10, 0, 0, 99]))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xffff
    head = head[:10] + struct.pack("!H", checksum) + head[12:]
    return (b"\2\0\0\0\x0a\0" + b"\2\0\0\0\0\1" + b"\x08\0" + head +
            struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def received(sock, wait=0.3):
    """Frames with UDP that come in within wait seconds of each other."""
    frames = []
    sock.settimeout(wait)
    while True:
        try:
            frame, address = sock.recvfrom(65536)
        except socket.timeout:
            return frames
        if address[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x08\0" and frame[23] == 17:
            frames.append(frame)


@pytest.fixture
def net(tmp_path):
    require()
    n = Net(str(tmp_path), 2)
    yield n
    n.close()


@pytest.fixture
def pair(tmp_path):
    require()
    n = Net(str(tmp_path), 1)
    yield n
    n.close()
