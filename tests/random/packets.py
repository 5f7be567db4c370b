# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Random packets, and captures of them: stacks of all headers that beba knows, from few addresses
so that flows are met again; some cut short, some that lie about their lengths."""

import ipaddress
import struct

import fields

ETHERNET = 1
NS = 10**9


class Frame:
    """bytes, time in ns, port."""

    def __init__(self, data, now, port):
        self.data, self.now, self.port = data, now, port


def internet_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


CRC = crc_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def mac(text):
    return bytes(int(part, 16) for part in text.split(":"))


class Flow:
    """What the packets of one flow have in common."""

    def __init__(self, rng, about):
        """about: how often the program speaks of a header."""
        pick = rng.choice

        def chance(usual, name):
            return rng.random() < min(0.9, usual * (1 + about.get(name, 0) / 4))

        self.v6 = chance(0.2, "ip6")
        pool = fields.IP6S if self.v6 else fields.IP4S
        self.macs = [mac(pick(fields.MACS)) for _ in range(2)]
        self.ips = [ipaddress.ip_address(pick(pool[:4])).packed for _ in range(2)]
        self.ports = [pick(fields.PORTS), pick(fields.PORTS)]
        self.proto = rng.choices(
            ["tcp", "udp", "icmp", "sctp", "gre", "vxlan", "gtpu", "other"],
            [w * (1 + about.get(n, 0) / 2) for n, w in
             (("tcp", 9), ("udp", 5), ("icmp", 0.6), ("sctp", 0.3), ("gre", 0.3), ("vxlan", 0.3),
              ("gtpu", 0.3), ("other", 0.3))])[0]
        if self.v6 and chance(0.02, "nd"):
            self.proto = "icmp"
        self.tags = rng.choice([1, 1, 2, 3]) if chance(0.2, "vlan") else 0
        self.labels = rng.choice([1, 1, 2, 3]) if chance(0.07, "mpls") else 0
        self.arp = chance(0.03, "arp")
        self.port = rng.randint(1, 4)
        self.seq = pick(fields.SEQS)


class Maker:
    def __init__(self, rng, about):
        self.rng = rng
        self.flows = [Flow(rng, about) for _ in range(rng.choice([2, 4, 8, 16, 30]))]
        self.dirty = rng.choice([0, 0.02, 0.1, 0.3])  # how many packets are broken

    def flip(self, chance):
        return self.rng.random() < chance

    def pick(self, *values):
        return self.rng.choice(values)

    # --- layers -----------------------------------------------------------------------------

    def ethernet(self, flow, back, kind, payload):
        src, dst = flow.macs[back], flow.macs[not back]
        for i in range(flow.labels):
            bottom = i == 0
            label = self.rng.choice(fields.NUMBER_POOLS["mpls.label"])
            word = label << 12 | self.pick(0, 5) << 9 | bottom << 8 | self.pick(1, 64, 255)
            payload = struct.pack("!I", word) + payload
            kind = 0x8847
        for i in range(flow.tags):
            tci = self.rng.choice(fields.NUMBER_POOLS["vlan.id"]) | self.pick(0, 1, 5, 7) << 13
            payload = struct.pack("!HH", tci | self.flip(0.1) << 12, kind) + payload
            kind = 0x8100 if i == 0 or self.flip(0.5) else self.pick(0x88a8, 0x9100)
        if self.flip(0.01):
            payload, kind = b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind) + payload, None
        elif self.flip(0.01):
            tag = struct.pack("!I", self.pick(1, 0xabcdef) | self.flip(0.5) << 27)
            payload, kind = tag + dst + src + struct.pack("!H", kind) + payload, 0x88e7
        return dst + src + struct.pack("!H", len(payload) & 0x5ff if kind is None else kind) + payload

    def arp(self, flow, back):
        a, b = (ip[-4:] for ip in (flow.ips[back], flow.ips[not back]))
        op = self.pick(1, 1, 2, 3)
        head = struct.pack("!HHBBH", 6 if self.flip(0.02) else 1, 0x0800, 6, 4, op)
        return head + flow.macs[back] + a + flow.macs[not back] + b + bytes(self.pick(0, 0, 18))

    def ip4(self, flow, back, proto, payload):
        options = self.pick(b"", b"", b"", b"", b"\x94\x04\0\0", b"\x01\x01\x01\0" * 2,
                            b"\x83\x07\x04\x0a\0\0\x09\0", bytes([7, 39, 4]) + bytes(36) + b"\0")
        frag = self.pick(*[0] * 12, 0x4000, 0x4000, 0x2000, 0x2001, 185, 0x2000 | 185)
        tos = self.pick(0, 0, 8 << 2, 46 << 2 | 3)
        head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos,
                           20 + len(options) + len(payload), self.pick(0, 1, 77, 0xbeef), frag,
                           self.pick(1, 2, 63, 64, 64, 255), proto, 0)
        head += flow.ips[back][-4:] + flow.ips[not back][-4:] + options
        total = internet_sum(head)
        if self.flip(0.05):
            total ^= self.pick(1, 0x8000, 0xffff)
        return head[:10] + struct.pack("!H", total) + head[12:] + payload

    def ip6(self, flow, back, proto, payload):
        chain = []
        for kind in self.pick([], [], [], [], [0], [60], [43], [44], [0, 60, 44], [0, 43, 60, 51]):
            if kind == 44:
                off = self.pick(0, 0, 1, 7 << 3, 7 << 3 | 1)
                chain.append((kind, struct.pack("!HI", off, self.pick(9, 0x12345678))))
            elif kind == 43:
                left = self.pick(0, 1)
                chain.append((kind, struct.pack("!BBBI", 2, 0, left, 0) + bytes(15) + b"\x07"))
            elif kind == 51:
                chain.append((kind, bytes(22)))
            else:
                chain.append((kind, b"\x01\x04" + bytes(4)))
        following = proto
        for kind, body in reversed(chain):
            size = {44: 0, 51: (len(body) + 2) // 4 - 2, 43: (len(body) + 2) // 8 - 1}.get(kind, 0)
            if kind == 43:
                body = bytes([size]) + b"\0" + body[2:]
                body = bytes([size, 0, body[2], 0, 0, 0]) + bytes(16)
            elif kind == 44:
                body = b"\0" + body
                body = body[:1] + body[1:]
            else:
                body = bytes([size]) + body[1 if kind == 51 else 0:]
            if kind in (0, 60):
                body = bytes([0]) + b"\x01\x04" + bytes(4)
            payload = bytes([following]) + body + payload
            following = kind
        first = 6 << 28 | self.pick(0, 8 << 2, 46 << 2 | 1) << 20 | self.pick(0, 1, 0xabcde)
        head = struct.pack("!IHBB", first, len(payload), following, self.pick(1, 2, 64, 255))
        return head + flow.ips[back] + flow.ips[not back] + payload

    def transport(self, flow, back):
        """Protocol number, bytes, place of the checksum."""
        sport, dport = flow.ports[back], flow.ports[not back]
        body = bytes(self.rng.getrandbits(8) for _ in range(8)) * self.pick(0, 0, 1, 2, 12)
        body = (body + bytes(self.rng.choice(fields.LENGTHS)))[:self.pick(0, 1, 6, 20, 100, 1300)]
        if flow.proto == "tcp":
            flow.seq = (flow.seq + self.pick(0, 0, 1, 100, 0xffffffff)) & 0xffffffff
            options = self.pick(b"", b"", b"\x02\x04\x05\xb4", b"\x01\x01\x08\x0a" + bytes(8))
            flags = self.pick(0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0xc2, 0x110)
            return 6, struct.pack("!HHIIHHHH", sport, dport, flow.seq,
                                  self.rng.choice(fields.SEQS),
                                  (5 + len(options) // 4) << 12 | flags,
                                  self.pick(0, 100, 8192, 65535), 0, self.pick(0, 0, 1)) + \
                options + body, 16
        if flow.proto in ("udp", "vxlan", "gtpu"):
            if flow.proto == "vxlan":
                dport = 4789
                body = struct.pack("!HHI", self.pick(0, 0x0800), 0, self.pick(0, 7, 4096) << 8) + body
            if flow.proto == "gtpu":
                dport = 2152
                head = struct.pack("!BBHI", self.pick(0x30, 0x32, 0x50), self.pick(1, 255),
                                   len(body), self.pick(1, 9, 0x12345678))
                body = head + body
            return 17, struct.pack("!HHHH", sport, dport, 8 + len(body), 0) + body, 6
        if flow.proto == "icmp":
            return (58, *self.icmp6(flow, body)) if flow.v6 else (1, *self.icmp4(body))
        if flow.proto == "sctp":
            data = struct.pack("!HHII", sport, dport, self.pick(0, 3, 0xffffffff), 0) + \
                b"\0\3" + struct.pack("!H", 16 + len(body)) + bytes(12) + body
            return 132, data, 8
        if flow.proto == "gre":
            flags = self.pick(0, 0x2000, 0x8000, 0xa000, 0x3000)
            more = (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0) + \
                (4 if flags & 0x1000 else 0)
            key = struct.pack("!I", self.pick(1, 9))
            data = struct.pack("!HH", flags, self.pick(0x0800, 0x6558))
            data += (bytes(4) + key * 3)[0 if flags & 0x8000 else 4:][:more] + body
            return 47, data, 4 if flags & 0x8000 else None
        return self.pick(253, 2, 59), body, None

    def icmp4(self, body):
        return struct.pack("!BBHHH", self.pick(0, 8, 8, 3, 13), self.pick(0, 1, 3), 0,
                           self.pick(1, 7), self.pick(1, 2)) + body, 2

    def icmp6(self, flow, body):
        kind = self.pick(128, 129, 135, 136, 1)
        head = struct.pack("!BBH", kind, self.pick(0, 0, 1), 0)
        if kind in (135, 136):
            option = bytes([self.pick(1, 2), 1]) + flow.macs[0]
            return head + bytes(4) + flow.ips[1] + self.pick(option, option, b"", b"\5\0"), 2
        return head + struct.pack("!HH", self.pick(1, 7), self.pick(1, 2)) + body, 2

    def checksum(self, flow, back, proto, data, at):
        if at is None:
            return data
        if proto == 132:
            return data[:8] + struct.pack("<I", crc32c(data)) + data[12:]
        pseudo = b""
        if proto not in (1, 47):
            pseudo = flow.ips[back] + flow.ips[not back] + struct.pack("!II", len(data), proto)
        total = internet_sum(pseudo + data)
        if proto == 17 and self.flip(0.1):
            total = 0
        elif proto == 17 and total == 0:
            total = 0xffff
        elif self.flip(0.05):
            total ^= self.pick(1, 0x100, 0xffff)
        return data[:at] + struct.pack("!H", total) + data[at + 2:]

    # --- packets ----------------------------------------------------------------------------

    def packet(self):
        flow = self.rng.choice(self.flows)
        back = self.flip(0.35)
        if flow.arp:
            data = self.ethernet(flow, back, self.pick(0x0806, 0x0806, 0x0806, 0x8035),
                                 self.arp(flow, back))
        else:
            proto, body, at = self.transport(flow, back)
            body = self.checksum(flow, back, proto, body, at)
            if flow.v6:
                data = self.ethernet(flow, back, 0x86dd, self.ip6(flow, back, proto, body))
            else:
                data = self.ethernet(flow, back, 0x0800, self.ip4(flow, back, proto, body))
        if self.flip(0.2) and len(data) < 60:
            data += bytes(60 - len(data))
        if self.flip(self.dirty):
            data = self.broken(data)
        return data[:1500], flow.port if self.flip(0.9) else self.rng.randint(1, 4)

    def broken(self, data):
        """Cut short, or with bytes of its headers changed: lengths, versions, protocols."""
        data = bytearray(data)
        if self.flip(0.4):
            return bytes(data[:self.rng.randint(14, max(14, min(len(data), 120)))])
        for _ in range(self.rng.randint(1, 3)):
            at = self.rng.randint(12, min(len(data), 80) - 1)
            data[at] = self.pick(0, 1, 0xff, 0x45, 0x60, data[at] ^ 1 << self.rng.randint(0, 7),
                                 self.rng.getrandbits(8))
        return bytes(data)

    def capture(self, n):
        """Times advance by what timeouts are made of; in half of the captures they go back, too."""
        now = self.pick(1, 1_700_000_000, 1_700_000_000, 5) * NS + self.pick(0, 0, 123_456_789)
        pace = self.rng.sample(fields.DURATION_NS, self.rng.randint(1, 4))
        steady = self.flip(0.5)
        out = []
        for _ in range(n):
            step = self.pick(0, 0, *pace)
            if self.flip(0.1):
                step += self.pick(-1, 1)
            elif self.flip(0.05):
                step = -self.pick(1, 1000, 10**6, 2 * NS)
            now = max(0, now + (abs(step) if steady else step))
            data, port = self.packet()
            out.append(Frame(data, now, port))
        return out


# --- files ----------------------------------------------------------------------------------


def block(kind, body):
    body += bytes(-len(body) % 4)
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def write_capture(path, frames):
    """pcapng with an interface a port, and times in ns. Whole packets."""
    out = [block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))]
    for _ in range(max([f.port for f in frames], default=1)):
        options = struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)
        out.append(block(1, struct.pack("<HHI", ETHERNET, 0, 65535) + options))
    for f in frames:
        head = struct.pack("<IIIII", f.port - 1, f.now >> 32, f.now & 0xffffffff, len(f.data),
                           len(f.data))
        out.append(block(6, head + f.data))
    with open(path, "wb") as file:
        file.write(b"".join(out))
