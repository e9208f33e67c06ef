"""The quick reader of YAML gives what the whole reader gives, and declines everything else."""

import io
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from closeshave.files import yamltext
from closeshave.files.yamlquick import Keys, NotSure, Values, quick

ROOT = Path(__file__).parents[2]
FILES = sorted(
    (
        path
        for folder in ("chaos", "ci", "closeshave", "docs/examples", "environments", "scenarios", "tests/fuzz/corpus", "truth")
        for path in (ROOT / folder).rglob("*.y*ml")
    ),
    key=lambda path: (path.parent, path),
)
TIMES = {"profile.yaml", "campaign.yaml", "evening.yaml", "flat.yaml", "friday.yaml"}
"""Files with times of the day, which only the whole reader reads."""


def whole(text):
    """What ruamel.yaml makes of a text."""
    return yamltext._thoroughly(text, several=True)


def everything(node):
    """A document as values, types and lines that can be compared. Some texts and numbers of ruamel.yaml remember how they were written."""
    if isinstance(node, Keys):
        return "keys", node.lines, [(everything(key), everything(value)) for key, value in node.items()]
    if isinstance(node, Values):
        return "values", node.lines, [everything(value) for value in node]
    plain = next((kind for kind in (bool, str, int, float) if isinstance(node, kind)), None)
    return (plain, repr(plain(node))) if plain else (type(node), node)


def agree(text):
    """Whether the quick reader was sure of ``text``; fails if the whole reader finds something else in it, or finds it wrong."""
    try:
        found = quick(text)
    except NotSure:
        return False
    assert [everything(each) for each in found] == [everything(each) for each in whole(text)]
    return True


@pytest.mark.parametrize(
    "folder", [pytest.param([*paths], id=str(at)) for at, paths in groupby(FILES, lambda path: path.parent.relative_to(ROOT))]
)
def test_all_files_of_the_repository_are_read_quickly_and_alike(folder):
    """Values, their order, their types and their lines."""
    unsure = {path.name for path in folder if not agree(path.read_text(encoding="utf-8"))}
    assert unsure <= TIMES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("a: 5\nb: -0.5\nc: yes\n", {"a": 5, "b": -0.5, "c": "yes"}, id="words mean what YAML 1.2 says"),
        pytest.param("a: 'true'\nb: true\nc:\nd: ~\n", {"a": "true", "b": True, "c": None, "d": None}, id="quoted is text"),
        pytest.param(
            "a: 1.2.3\nb: 30s\nc: 12:30\nd: ..\n", {"a": "1.2.3", "b": "30s", "c": "12:30", "d": ".."}, id="nearly a number is text"
        ),
        pytest.param("a: |\n  one\n  two\nb: >-\n  three\n  four\n", {"a": "one\ntwo\n", "b": "three four"}, id="texts of several lines"),
        pytest.param("{a: [x, {b: c}], 1: }\n", {"a": ["x", {"b": "c"}], 1: None}, id="on one line"),
    ],
)
def test_what_is_usual_is_read_quickly(text, found):
    """Nothing here needs the whole reader, and it would say the same."""
    assert quick(text) == (found,)
    assert agree(text)


RARE = {
    "the same key twice": "a: 1\na: 2\n",
    "the same key in another form": "1: a\n'x': b\n1: c\n",
    "a tag": "a: !!str 5\n",
    "a tag of a list": "a: !!set [b]\n",
    "an anchor": "a: &b 5\n",
    "an alias": "a: &b [5]\nc: *b\n",
    "keys from elsewhere": "a: &b {c: 5}\nd:\n  <<: *b\n",
    "a directive": "%YAML 1.1\n---\na: yes\n",
    "an octal number": "a: 0o17\n",
    "a number that begins with 0": "a: 017\n",
    "a hexadecimal number": "a: 0x1F\n",
    "a number with underscores": "a: 1_000\n",
    "a number with an exponent": "a: 1e3\n",
    "infinity": "a: -.inf\n",
    "no number": "a: .NaN\n",
    "a day that is none": "a: 2026-13-01\n",
    "a time": "a: 2026-12-24T10:00:00Z\n",
    "a truth as a key": "true: a\n",
    "nothing as a key": "~: a\n",
    "a fraction as a key": "0.5: a\n",
    "a list as a key": "[a]: b\n",
    "a tab": "a:\tb\n",
    "lines of another system": "a: b\r\nc: d\r\n",
    "a line's end of YAML 1.1": "a: b\u2028c\n",
    "deep nesting": "- " * 70 + "a\n",
    "very deep nesting": "- " * 100_000 + "a\n",
    "very many values": "a: [" + "1," * 100_000 + "]\n",
    "an open bracket": "a: [b\n",
    "no YAML": "a: b: c\n",
    "half a character": "a: \ud800\n",
}


@pytest.mark.parametrize("text", RARE.values(), ids=RARE)
def test_what_is_rare_or_wrong_is_left_to_the_whole_reader(text):
    """A guess would be a wrong value, and libyaml's words are not those of our messages."""
    with pytest.raises(NotSure):
        quick(text)


def test_what_is_left_to_the_whole_reader_is_read():
    """Aliases, merged keys and numbers in other forms have their values, their lines, and stay one object."""
    text = "a: &b {c: 0x1F}\nd:\n  <<: *b\n  e: [1_0, *b]\n"
    (found,) = yamltext.parsed(text)
    assert found == {"a": {"c": 31}, "d": {"c": 31, "e": [10, {"c": 31}]}}
    assert found["a"] is found["d"]["e"][1]
    assert found.lines == {"a": 1, "d": 2}
    assert found["d"].lines == {"e": 4}
    assert found["d"]["e"].lines == {0: 4, 1: 1}  # where it is written


def test_documents_of_one_text_are_told_apart():
    """Where one is expected, a second is an error; where several are, empty ones are left out."""
    assert yamltext.all_parsed("a: 1\n---\n---\nb: 2\n...\n") == ({"a": 1}, {"b": 2})
    with pytest.raises(yamltext.NotYaml, match="another document"):
        yamltext.parsed("a: 1\n---\nb: 2\n")
    assert yamltext.parsed("# nothing\n") == (None,)


def test_without_libyaml_everything_is_read_all_the_same(monkeypatch):
    """PyYAML can be built without it."""
    monkeypatch.setattr("closeshave.files.yamlquick.CParser", None)
    with pytest.raises(NotSure):
        quick("a: 1\n")
    assert yamltext._thoroughly("a: 1\n", several=False) == ({"a": 1},)


WORDS = st.text("-+.0123456789_eExobaftnrulyNFTZ~<=:sm% ", min_size=1, max_size=12) | st.sampled_from(
    [
        "true",
        "False",
        "null",
        "Null",
        "yes",
        "0",
        "-0",
        "00",
        "-5",
        "+5",
        "0.5",
        "-0.50",
        "5.",
        ".5",
        "1e3",
        "0b1",
        "2026-12-24",
        "2026-2-30",
        "<<",
        "=",
    ]
)


@given(st.lists(WORDS, min_size=1, max_size=20))
def test_words_mean_the_same(words):
    """As values of a list, each on its own line, and as keys."""
    for word in words:
        agree(f"- {word}\n- [{word}]\n- {word}: {word}\n")


EDITS = st.tuples(
    st.integers(0, 2000),
    st.sampled_from(
        [
            *" \n:-#,[]{}'\"|>&*!%?@`~.0",
            "\n\n",
            "  ",
            "- ",
            ": ",
            " #",
            "? ",
            "|\n",
            ">-\n",
            "''",
            "a:",
            "\n- ",
            "\n  ",
            "---\n",
            "...\n",
            "é",
            "\\",
        ]
    ),
    st.integers(0, 3),
)


def _edited(text, edits):
    for place, written, removed in edits:
        at = place % (len(text) + 1)
        text = text[:at] + written + text[at + removed :]
    return text


PIECES = [
    "name: x # said\nparts:\n  - {wait: 1m, of: [a, b]}\n  -\n    wait: 5\n# more\ndoor:\n  colour: red\n",
    "a: |\n  one\n   two\n\n  three\n\n# said\nb: >\n  four\n  five\n\n  six\nc: \"d\\n\\\n  e\"\nf: 'g\n  h'\ni: j\n  k\n",
    "- a: b\n  c: d\n- - e\n  - f\n-\n- {g: h,\n   i: [j,\n   k]}\n- ? l\n  : m\n",
    "a: {b: http://c/d, e: '#f', g: \"h\": i}\nj: [k: l, m]\nn: -o\np: ?q\nr: :s\nt: u#v\n",
]


@given(st.sampled_from(PIECES), st.lists(EDITS, max_size=4))
def test_damaged_texts_are_read_alike(text, edits):
    """Whatever the quick reader accepts, the whole reader accepts with the same values and lines."""
    agree(_edited(text, edits))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=12) | st.dates(),
    lambda held: st.lists(held, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), held, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), st.booleans())
def test_written_values_are_read_alike(value, on_one_line):
    """Texts of any characters, in every way of writing that the writer knows."""

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = on_one_line
    writer.allow_unicode = True
    told = io.StringIO()
    writer.dump(value, told)
    agree(told.getvalue())
