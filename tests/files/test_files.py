"""Files that survive a crash."""

import json
import multiprocessing

from closeshave.files import append_line, read_lines, write_atomically


def test_an_incomplete_last_line_is_left_out(tmp_path):
    """A writer that was killed in the middle of a line costs that line only."""
    path = tmp_path / "log.jsonl"
    append_line(path, {"n": 1})
    with path.open("a") as file:
        file.write('{"n": 2')
    assert list(read_lines(path)) == [{"n": 1}]


def test_a_missing_file_has_no_lines(tmp_path):
    """Nothing recorded yet is not an error."""
    assert list(read_lines(tmp_path / "absent")) == []


def test_a_failed_replacement_leaves_the_old_file(tmp_path):
    """Readers see the old content or the new one, never a mixture, and no scratch file stays."""
    path = tmp_path / "state.json"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def _write_many(path, writer):
    for n in range(300):
        append_line(path, {"writer": writer, "n": n, "padding": "x" * 200})


def test_lines_of_several_processes_never_interleave(tmp_path):
    """Trial, experiment and janitor append to one timeline."""
    path = tmp_path / "timeline.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 900
    assert all([line["n"] for line in lines if line["writer"] == writer] == list(range(300)) for writer in range(3))
