# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Mininet with BebaSwitch, driven by a plain learning switch.

    h1s1, h2s1 --- s1 --- s2 --- h1s2, h2s2        osken-manager learning_app at 127.0.0.1:6653
"""

import json
import os
import shutil

import pytest

import net as live
from conftest import HERE, PYTHON


def test_ping_iperf_link_down(lab):
    if not shutil.which("mnexec"):
        pytest.skip("mininet is not installed")
    lab.app("learning_app", os.path.join(live.ROOT, "tests", "switch", "learning_app.py"))
    env = dict(lab.env, BEBA=live.BEBA, BEBA_MININET_DIR=lab.directory)
    done = lab.s.run(PYTHON, os.path.join(HERE, "mininet_run.py"), env=env, timeout=120)
    out = json.loads(done.stdout.decode().splitlines()[-1])
    assert out["connected"] == [True, True]
    assert out["loss"] == 0
    assert out["mbps"] > 10
    assert out["across a link down"] == "0"
    assert int(out["after"]) >= 2
