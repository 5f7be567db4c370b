# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Beside another XDP program, each minding its own packets, in libxdp's dispatcher.

    client                              server
    10.0.0.1  eth0 ------------ eth0 ( dispatcher: other, ours )  10.0.0.100, udp 7, 8 and 9
"""


import pytest

import net as live

OURS = """machine ours {
    key ip.src
    without key -> pass
    state start {
        on udp.dst == 8 { drop }
        else { pass }
    }
}
"""

# Drops datagrams to port 9. Nothing but what every clang has: no headers of the machine.
OTHER = """
struct xdp_md { unsigned int data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };

__attribute__((section("xdp"), used)) int other(struct xdp_md *ctx)
{
    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

    if (data + 42 > end)
        return 2;
    return data[12] == 8 && data[13] == 0 && data[23] == 17 && data[36] == 0 && data[37] == 9 ? 1 : 2;
}

__attribute__((section("license"), used)) char gpl[] = "GPL";
"""


@pytest.fixture
def other(tmp_path):
    source, built = tmp_path / "other.c", tmp_path / "other.o"
    source.write_text(OTHER)
    live.run("clang", "-target", "bpf", "-O2", "-g", "-c", source, "-o", built)
    return built


def dispatches(server, other):
    """Whether libxdp can do it on this kernel, without us. Where it cannot, it loads one program
    alone, and says so nowhere but here."""
    server.run("xdp-loader", "load", "-m", "native", "eth0", other)
    status = server.run("xdp-loader", "status", "eth0").stdout
    server.run("xdp-loader", "unload", "eth0", "--all")
    return b"xdp_dispatcher" in status


def arrives(client, server):
    """The ports of which a datagram arrives; 7 always does."""
    sockets = {port: server.udp("10.0.0.100", port) for port in (7, 8, 9)}
    with client.udp() as s:
        for port in (8, 9, 7):
            s.sendto(b"hello", ("10.0.0.100", port))
    got = set()
    sockets[7].settimeout(5)
    sockets[7].recv(100)  # the last one: the others would be there
    for port, s in sockets.items():
        s.setblocking(False)
        try:
            s.recv(100)
            got.add(port)
        except BlockingIOError:
            pass
        s.close()
    return got | {7}


@pytest.mark.parametrize("first", ["other", "ours"])
def test_two_programs(pair, written, other, tool, first):
    tool("xdp-loader")
    client, server = pair
    program = written("ours", OURS)
    if not dispatches(server, other):
        print("libxdp's dispatcher does not run on this kernel: tried that it is said")
        refused = server.beba("attach", program, "--dev", "eth0", "--share", check=False)
        assert refused.code == 1 and "does not run libxdp's dispatcher" in refused.err, refused.err
        assert not server.beba("show", "--json").json["programs"]
        assert arrives(client, server) == {7, 8, 9} and "xdp" not in server.link("eth0")
        return
    steps = {
        "other": lambda: server.run("xdp-loader", "load", "-m", "native", "eth0", other),
        "ours": lambda: server.beba("attach", program, "--dev", "eth0", "--share"),
    }
    assert arrives(client, server) == {7, 8, 9}
    steps.pop(first)()
    assert arrives(client, server) == ({7, 8} if first == "other" else {7, 9})
    steps.popitem()[1]()
    assert arrives(client, server) == {7}, "each drops its own"
    status = server.run("xdp-loader", "status", "eth0").stdout.decode()
    assert "other" in status and "beba_gate" in status, status
    [shown] = server.beba("show", "--json").json["programs"]
    assert shown["devices"][0]["by"] == "dispatcher"

    server.beba("replace", "ours", written("ours", OURS.replace("udp.dst == 8", "udp.dst == 7777")))
    assert arrives(client, server) == {7, 8}, "replaced, with the other beside it"
    server.beba("replace", "ours", written("ours", OURS))
    assert arrives(client, server) == {7}
    assert server.counters("ours").rule("ours", "start", "on udp.dst == 8") >= 2

    # One of them goes, the other stays; either way round.
    if first == "other":
        server.beba("detach", "ours")
        assert arrives(client, server) == {7, 8}
        server.run("xdp-loader", "unload", "eth0", "--all")
    else:
        words = next(line for line in status.splitlines() if " other " in line).split()
        server.run("xdp-loader", "unload", "eth0", "--id", words[words.index("other") + 1])
        assert arrives(client, server) == {7, 9}
        server.beba("detach", "ours")
    assert arrives(client, server) == {7, 8, 9}
    assert "xdp" not in server.link("eth0")


def test_without_sharing_it_says_who_is_there(pair, written, other, tool):
    tool("xdp-loader")
    client, server = pair
    able = dispatches(server, other)
    server.run("xdp-loader", "load", "-m", "native", "eth0", other)
    refused = server.beba("attach", written("ours", OURS), "--dev", "eth0", check=False)
    assert refused.code == 1, refused.err
    assert ("--share" if able else "runs the XDP program other") in refused.err, refused.err
    assert not server.beba("show", "--json").json["programs"]
    assert arrives(client, server) == {7, 8}
    server.run("xdp-loader", "unload", "eth0", "--all")
    assert arrives(client, server) == {7, 8, 9}
