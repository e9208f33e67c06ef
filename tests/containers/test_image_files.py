"""The content of an image, and when it counts as changed. No engine is needed."""

import io
import os
import shutil
import sys
import tarfile
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

import pytest

from closeshave.environments.containers import inside, interpreter
from closeshave.environments.containers.tree import Tree


@pytest.fixture
def source(tmp_path):
    """A directory with a program, a module with its byte code, and a link."""
    home = tmp_path / "home"
    (home / "__pycache__").mkdir(parents=True)
    (home / "tests").mkdir()
    for name in ("module.py", "__pycache__/module.cpython-311.pyc", "tests/test_module.py", "program"):
        (home / name).write_text(name)
    (home / "program").chmod(0o700)
    (home / "link").symlink_to("module.py")
    return home


def packed(tree):
    """The entries of the tar, by name."""
    file = io.BytesIO()
    tree.write(file)
    file.seek(0)
    with tarfile.open(fileobj=file) as tar:
        return {entry.name: entry for entry in tar}


def test_files_belong_to_root_and_all_users_may_read_them(source):
    """The container runs as another user than the one who built the image."""
    tree = Tree(links={"bin": "usr/bin"}, texts={"etc/passwd": "root"}, shared={"tmp"})
    tree.put_all(PurePosixPath("/opt/it"), source)
    entries = packed(tree)
    assert {name: oct(entry.mode) for name, entry in entries.items() if name.startswith("opt/it/") and entry.isfile()} == {
        "opt/it/module.py": "0o644",
        "opt/it/link": "0o644",
        "opt/it/program": "0o755",
        "opt/it/tests/test_module.py": "0o644",
        "opt/it/__pycache__/module.cpython-311.pyc": "0o644",
    }
    assert {(entry.uid, entry.gid) for entry in entries.values()} == {(0, 0)}
    assert entries["tmp"].mode == 0o1777
    assert entries["opt"].mode == entries["etc"].mode == 0o755
    assert (entries["bin"].linkname, entries["opt/it/link"].size) == ("usr/bin", len("module.py"))
    assert int(entries["opt/it/module.py"].mtime) == int((source / "module.py").stat().st_mtime)


def test_unused_directories_are_left_out(source):
    """A library's tests are not used in an image."""
    tree = Tree()
    tree.put_all(PurePosixPath("/opt/it"), source, without=("tests", "program"))
    assert sorted(tree.files) == ["opt/it/__pycache__/module.cpython-311.pyc", "opt/it/link", "opt/it/module.py", "opt/it/program"]


@pytest.mark.parametrize(("path", "inside_"), [("/bin/sh", "usr/bin/sh"), ("/lib64/ld.so", "usr/lib64/ld.so"), ("/opt/x", "opt/x")])
def test_programs_and_libraries_are_below_usr(source, path, inside_):
    """The old directories are links, of which a tar can have only one each."""
    tree = Tree()
    tree.put(path, source / "program")
    assert list(tree.files) == [inside_]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda home: (home / "program").write_text("another"), True),
        (lambda home: os.utime(home / "program", (1, 1)), True),
        (lambda home: (home / "program").chmod(0o755), True),
        (lambda home: (home / "new").write_text(""), True),
        (lambda home: (home / "__pycache__" / "new.cpython-311.pyc").write_text(""), False),
        (lambda home: None, False),
    ],
    ids=["content", "time", "mode", "another file", "byte code", "nothing"],
)
def test_an_image_is_made_again_only_when_its_content_has_changed(source, change, changed):
    """Byte code is written with every import."""

    def digest():
        tree = Tree()
        tree.put_all(PurePosixPath("/opt/it"), source)
        return tree.digest("PATH=/usr/bin")

    before = digest()
    change(source)
    assert (digest() != before) == changed


def test_every_library_that_a_program_loads_is_included():
    """And the loader itself."""
    program = shutil.which("sh")
    assert program is not None
    tree = Tree()
    tree.put("/usr/bin/sh", Path(program))
    tree.add_libraries()
    names = {PurePosixPath(path).name for path in tree.files}
    assert "libc.so.6" in names
    assert any(name.startswith("ld-") for name in names)
    assert "libgcc_s.so.1" in names


@pytest.mark.thorough
def test_packages_are_included_with_their_byte_code_and_without_their_commands():
    """And of the harness's own package only what is imported, with its data."""
    tree = Tree()
    interpreter.add_packages(tree, ("closeshave.standin.app", "uvloop"))
    home = str(inside.PACKAGES)[1:]
    present = {path.removeprefix(f"{home}/") for path in tree.files}
    assert {"fastapi/__init__.py", "uvloop/__init__.py", "closeshave/standin/app.py", "closeshave/standin/schema.sql"} <= present
    assert f"fastapi/__pycache__/__init__.{sys.implementation.cache_tag}.pyc" in present
    assert not [path for path in present if path.startswith(("..", "closeshave/judge/", "pandas/", "docker/"))]


def test_a_package_that_was_installed_without_a_wheel_is_included(tmp_path):
    """Some versions of pip install sources by their ``setup.py``, which leaves another list: as with the etcd client of Patroni on Debian's own
    Python.
    """
    (tmp_path / "etcd").mkdir()
    (tmp_path / "etcd" / "__init__.py").write_text("")
    egg = tmp_path / "python_etcd-0.4.5.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: python-etcd\nVersion: 0.4.5\n")
    (egg / "SOURCES.txt").write_text("setup.py\nsrc/etcd/__init__.py\n")
    (egg / "installed-files.txt").write_text(
        "../../../../bin/etcdctl.py\n../etcd/__init__.py\n../etcd/__pycache__/__init__.pyc\nPKG-INFO\n"
    )
    tree = Tree()
    interpreter.add_distribution(tree, Distribution.at(egg))
    assert set(tree.files) == {f"{inside.PACKAGES}/etcd/__init__.py"[1:]}


def test_modules_that_cannot_be_imported_are_reported():
    """An image that lacks half a program would fail much later."""
    with pytest.raises(RuntimeError, match=r"closeshave\.nonesuch cannot be imported: ModuleNotFoundError"):
        interpreter.add_packages(Tree(), ("closeshave.nonesuch",))
