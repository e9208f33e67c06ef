"""Where environments are listed, and what down removes and what it never touches."""

import pytest

from closeshave import deployment
from closeshave.environments import embedded, registry
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.registry import EnvironmentClaim
from closeshave.environments.teardown import down
from tests.faults import toys


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A base of this test's own."""
    monkeypatch.setenv("CLOSESHAVE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def claimed(name):
    """A root whose environment has claimed it and started nothing yet."""
    root = registry.new_root(name)
    registry.write_claim(root, EnvironmentClaim(f"id-of-{root.name}", name))
    return root


def test_an_environment_is_found_by_its_name_and_by_its_directory():
    """The newest of a name; every one by its own."""
    first, second = claimed("embedded"), claimed("embedded")
    assert registry.running() == (first, second)
    assert registry.find("embedded") == second
    assert registry.find(first.name) == first
    assert registry.find("other") is None


def test_an_environment_is_found_by_the_file_that_describes_it():
    """The same argument that started it ends it."""
    root = claimed("embedded")
    assert registry.find("environments/embedded.yaml") == root


def test_a_claim_is_read_as_it_was_written():
    """Another process needs the ID and the ports to clean up."""
    root = claimed("embedded")
    registry.write_claim(root, EnvironmentClaim("x", "embedded", 20_000, 173))
    assert registry.read_claim(root) == EnvironmentClaim("x", "embedded", 20_000, 173)


def test_down_removes_a_start_that_was_cut_short(state):
    """Nothing but the claim existed."""
    root = claimed("embedded")
    assert down(root) == ()
    assert not root.exists()


def test_down_of_a_removed_environment_succeeds(state):
    """Harness and janitor may both try."""
    assert down(state / "embedded-gone") == ()


def test_down_removes_an_empty_root():
    """The start died before it wrote anything."""
    root = registry.new_root("embedded")
    assert down(root) == ()
    assert not root.exists()


def test_down_never_removes_a_directory_that_holds_no_environment(tmp_path):
    """A mistyped --root must not cost anyone their files."""
    (tmp_path / "thesis.txt").write_text("years of work")
    assert down(tmp_path) == (f"{tmp_path}: holds no environment",)
    assert (tmp_path / "thesis.txt").exists()


def test_an_environment_never_starts_in_a_directory_that_holds_something(definition):
    """A failed start removes its directory, so it must be its own."""
    root = claimed("embedded")
    with pytest.raises(EnvironmentFailed, match="is not empty"):
        embedded.up(definition, root=root, say=print)
    assert registry.running() == (root,)


def test_down_keeps_the_logs_that_it_is_asked_to_keep(tmp_path):
    """They explain a failed start too."""
    root = claimed("embedded")
    (root / "logs").mkdir()
    (root / "logs" / "etcd.log").write_text("said")
    assert down(root, logs_to=tmp_path / "kept") == ()
    assert (tmp_path / "kept" / "etcd.log").read_text() == "said"


def test_a_damaged_claim_is_read_from_the_deployment():
    """So that what runs there can still be found and taken down."""
    root = claimed("embedded")
    toys.deployment(root)
    whole = deployment.load(root)
    (root / registry.FILE).write_bytes(b"\0" * 20)
    assert registry.read_claim(root) == EnvironmentClaim(whole.id, whole.name, kind=whole.kind)
