# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Flow entries as text: ovs-ofctl reads ours, and means the message that we printed.

BEBA_OPENFLOW_TESTS is the directory of the helper roundtrip."""

import os
import re
import shutil
import subprocess

import pytest

pytest.importorskip("os_ken", reason="needs python3-os-ken")

import messages  # pylint: disable=wrong-import-position

TOOLS = os.environ.get("BEBA_OPENFLOW_TESTS", ".")
pytestmark = pytest.mark.skipif(not shutil.which("ovs-ofctl") or
                                not os.path.exists(os.path.join(TOOLS, "roundtrip")),
                                reason="needs ovs-ofctl and the helpers in BEBA_OPENFLOW_TESTS")

# Open vSwitch has no such field or action, or none that can be set.
UNKNOWN = re.compile(r"in_phy_port|pbb_isid|ipv6_exthdr|copy_ttl|pbb|->(eth_type|ip_proto|mpls_bos|"
                     r"ipv6_label|tcp_flags|icmp|nd_target|nd_sll|nd_tll)|mplsm|,sctp6")

# It wants a tag, an IP header or a label where the specification asks for none.
REFUSED = {"set vlan_vid", "instruction apply", "instruction write", "every instruction",
           "every instruction, backwards"}


def ofctl(*args):
    """Its output."""
    out = subprocess.run(["ovs-ofctl", "-O", "OpenFlow13", *args], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert out.returncode == 0, (args, out.stderr)
    return out.stdout


def flows(text):
    """What is said of flow-mods, without their numbers."""
    return re.findall(r"OFPT_FLOW_MOD \(OF1.3\) \(xid=0x\w+\):(?:\(\w+\))? (.*)", text)


def test_ovs_reads_our_text(tmp_path):
    """Each flow-mod of os-ken that Open vSwitch knows, printed by us and read by ovs-ofctl."""
    made = {}
    for name, message in messages.flow_mods().items():
        if message.command == 0 and name not in REFUSED:
            message.cookie_mask = 0
            message.buffer_id = 0xffffffff
            message.out_port = message.out_group = 0xffffffff
            made[name] = messages.serialize(message)
    lines = "".join(f"auto any {data.hex()}\n" for data in made.values())
    out = subprocess.run([os.path.join(TOOLS, "roundtrip"), "text"], input=lines, text=True,
                         stdout=subprocess.PIPE, check=True).stdout.splitlines()
    texts = {name: line.split(" ", 1)[1] for name, line in zip(made, out)
             if not UNKNOWN.search(line)}
    assert len(texts) > 60
    for name, text in texts.items():
        file = tmp_path / "flow"
        file.write_text(text + "\n")
        have, = flows(ofctl("parse-flows", str(file)))
        want, = flows(ofctl("ofp-print", made[name].hex()))
        assert have == want, (name, text)
