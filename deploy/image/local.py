"""Builds the image where no registry can be reached: ``python -m deploy.image.local supplies`` with a network, then ``… build TAG`` beside an engine.

The base is made from the Python and the tools of this very machine, as the images of a container environment are. Everything after it is the Dockerfile's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from closeshave.control import engine
from closeshave.environments.containers import interpreter
from closeshave.environments.containers.images import base_tree
from closeshave.environments.containers.tree import BYTE_CODE
from deploy.image import supplies

CHECKOUT = Path(__file__).parents[2]
SUPPLIES = CHECKOUT / "build" / "image" / "supplies"
TOOLS = ("nice", "tar")
"""What Debian's slim image has, and the images of parts do not need."""
EXPECTED = ("dl.so.2", "gcc_s.so.1", "m.so.6", "pthread.so.0", "resolv.so.2", "rt.so.1", "stdc++.so.6", "util.so.1", "z.so.1")
"""Libraries that packages expect of any system (PEP 600), whether or not its Python needs them."""
BASE, OF_SUPPLIES = "closeshave/base:local", "closeshave/supplies:local"


def ready() -> bool:
    """Whether everything from the network is there."""
    return supplies.complete(SUPPLIES, CHECKOUT)


def make_base() -> None:
    """The base: an interpreter without byte code, as in Python's official images. Raises :class:`engine.EngineFailed`."""
    tree = base_tree()
    interpreter.add_interpreter(tree)
    for path in [path for path in tree.files if path.endswith(BYTE_CODE)]:
        del tree.files[path]
    for tool in TOOLS:
        tree.put(f"/usr/bin/{tool}", Path("/usr/bin", tool))
    places = [Path("/lib", sysconfig.get_config_var("MULTIARCH") or ""), Path("/lib64")]
    for library in EXPECTED:
        source = next(there for place in places if (there := place / f"lib{library}").exists())
        tree.put(str(source), source)
    # A step of a build would make these, with the time of the build.
    tree.texts |= dict.fromkeys(("dev/.keep", "mnt/.keep", "proc/.keep", "sys/.keep", "etc/hosts", "etc/resolv.conf"), "")
    tree.add_libraries()
    with tempfile.TemporaryFile() as tar:
        tree.write(tar)
        tar.seek(0)
        engine.import_image(tar, BASE, ("PATH=/usr/bin:/bin:/usr/sbin:/sbin",), tree.digest(), "")


def make_supplies() -> None:
    """An image with nothing but the supplies. Raises :class:`engine.EngineFailed`."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(SUPPLIES, "supplies")
        file.seek(0)
        engine.import_image(file, OF_SUPPLIES, (), supplies.digest(CHECKOUT), "")


def build(tag: str, *options: str) -> None:
    """Build the image from both, without a network. Raises :class:`subprocess.CalledProcessError`."""
    arguments = [word for pair in (f"BASE={BASE}", f"SUPPLIES={OF_SUPPLIES}") for word in ("--build-arg", pair)]
    subprocess.run([str(Path(__file__).with_name("build")), tag, "--network", "none", *arguments, *options], check=True)


def main() -> int:
    """Do what the command line says."""
    name = f"python -m {__spec__.name}"
    match sys.argv[1:]:
        case ["supplies"]:
            supplies.fetch(SUPPLIES, CHECKOUT)
        case ["build", tag, *options]:
            if not ready():
                sys.stderr.write(f"{SUPPLIES} is not complete: run '{name} supplies' where packages can be fetched\n")
                return os.EX_UNAVAILABLE
            make_base()
            make_supplies()
            build(tag, *options)
        case _:
            sys.stderr.write(f"usage: {name} supplies | build TAG [OPTION OF docker build...]\n")
            return os.EX_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
