# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Where compiled objects of one version of beba are kept: see cache.c."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time

OLD = 24 * 3600


def version(root):
    """Of all that an object depends on besides the program."""
    clang = os.environ.get("BEBA_CLANG", "clang")
    known = hashlib.sha256(shutil.which(clang).encode() if shutil.which(clang) else b"")
    if shutil.which(clang):
        known.update(subprocess.run([clang, "--version"], stdout=subprocess.PIPE, check=False).stdout)
    for where, dirs, files in os.walk(os.path.join(root, "src")):
        dirs.sort()
        for name in sorted(files):
            with open(os.path.join(where, name), "rb") as file:
                known.update(name.encode() + file.read())
    return known.hexdigest()[:24]


def directory(root):
    """Makes it; those that nobody used for a day go."""
    parent = os.path.join(tempfile.gettempdir(), f"beba-objects-{os.getuid()}")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    if os.lstat(parent).st_uid != os.getuid():
        return tempfile.mkdtemp(prefix="beba-objects-")
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if os.stat(path).st_mtime < time.time() - OLD:
            shutil.rmtree(path, ignore_errors=True)
    mine = os.path.join(parent, version(root))
    os.makedirs(mine, mode=0o700, exist_ok=True)
    os.utime(mine)
    return mine
