"""Steps that a scenario names and that there are not: told with line, class and function; nothing is told that is not certain."""

import ast

import pytest

from closeshave.traffic import stepnames

KNOWN = ("slots", "book", "_noted", "session")
HEAD = "from closeshave.traffic.contests import Rivals\nfrom closeshave.traffic.journeys import BookingUser as User\n"


def told(text):
    """Line, place and name of every step that is told."""
    found = stepnames.unknown(ast.parse(HEAD + text), KNOWN)
    return [(one.line, one.where, one.said.partition("'")[2].partition("'")[0]) for one in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("class A(User):\n def act(self):\n  self.steps.slts()\n", [(5, "A.act", "slts")]),
        ("class A(User):\n def act(self):\n  steps = self.steps\n  return steps.bok\n", [(6, "A.act", "bok")]),
        ("class A(User):\n pass\nclass B(A, Rivals):\n def act(self, rival):\n  rival.steps.bok()\n", [(7, "B.act", "bok")]),
        (
            "class A(User):\n def act(self):\n  [self.steps.slts(day) for day in self.steps.dys]\n",
            [(5, "A.act", "dys"), (5, "A.act", "slts")],
        ),
        ("class A(User):\n def act(self):\n  self.steps.slots(self.steps._noted, self.steps.session)\n", []),
    ],
    ids=["of self", "of a local name", "of a rival, inherited", "two in a line", "those that there are"],
)
def test_a_misspelt_step_is_found_where_it_is_named(text, found):
    """In every class whose customers have the harness's own steps."""
    assert told(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "class A(User):\n steps = None\n def act(self):\n  self.steps.mine()\n",
        "class A(User):\n steps: 'Mine'\n def act(self):\n  self.steps.mine()\n",
        "class A(User):\n @property\n def steps(self): ...\n def act(self):\n  self.steps.mine()\n",
        "class A(User):\n def __init__(self, *told):\n  self.steps = Mine()\nclass B(A):\n def act(self):\n  self.steps.mine()\n",
        "from ours import Ours\nclass A(Ours):\n def act(self):\n  self.steps.mine()\n",
        "from ours import Mixin\nclass A(Mixin, User):\n def act(self):\n  self.steps.mine()\n",
        "class A:\n def act(self):\n  self.steps.mine()\n",
        "class A(B):\n def act(self):\n  self.steps.mine()\nclass B(A):\n pass\n",
        "class A(User):\n def act(self, other):\n  steps = self.steps\n  steps = other\n  steps.mine()\n",
        "class A(User):\n def act(self, steps):\n  if steps is None:\n   steps = self.steps\n  steps.mine()\n",
        "class A(User):\n def act(self):\n  for steps in self.all:\n   steps.mine()\n",
    ],
)
def test_steps_that_may_be_others_are_not_ours_to_check(text):
    """A false alarm would stop a scenario that works."""
    assert told(text) == []
