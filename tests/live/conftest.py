# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the live tests share. $BEBA is the binary under test. They need root and BPF."""

import os
import shutil
import subprocess

import pytest

import net as live

TOOLS = ("ip", "nsenter", "ethtool", "mount", "clang")


def why_not():
    """What is missing for any of the tests to run."""
    if os.geteuid() != 0:
        return "the live tests need root"
    for tool in TOOLS:
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL).returncode:
        return "network namespaces are not to be had here"
    built = subprocess.run([live.BEBA, "build", "--help"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    return "this beba was built without the kernel" if built.returncode else None


os.environ.setdefault("BEBA_CACHE", "")  # the machine's is not for tests
MISSING = why_not()


def pytest_collection_modifyitems(items):
    if MISSING:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture
def net(tmp_path):
    """Hosts and cables, and a BPF file system, of this test alone."""
    with live.Net(tmp_path) as made:
        yield made


@pytest.fixture
def pair(net):
    """client eth0 10.0.0.1 --- 10.0.0.100 eth0 server"""
    client, server = net.host("client"), net.host("server")
    net.cable(client, "eth0", server, "eth0")
    client.address("eth0", "10.0.0.1/24")
    server.address("eth0", "10.0.0.100/24")
    return client, server


@pytest.fixture
def edited(tmp_path):
    """A copy of an example with some text replaced, each of which must be there once."""
    def edit(name, *changes, to=None):
        with open(os.path.join(live.EXAMPLES, name + ".xfsm"), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes:
            assert text.count(old) == 1, (name, old, text.count(old))
            text = text.replace(old, new)
        path = tmp_path / ((to or name) + ".xfsm")
        path.write_text(text)
        return path
    return edit


@pytest.fixture
def written(tmp_path):
    """A program of the test's own."""
    def write(name, text):
        path = tmp_path / (name + ".xfsm")
        path.write_text(text)
        return path
    return write


@pytest.fixture
def tool():
    """A program that one test needs and the others do not."""
    def need(name):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
        return name
    return need
