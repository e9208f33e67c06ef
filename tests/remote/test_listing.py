"""Lists of every form are read to their end, each row once; a list that cannot be read completely says why."""

import httpx
import pytest

from closeshave.environments.remote import listing
from closeshave.environments.remote.definition import wrong_url
from closeshave.environments.remote.listing import NoList, Page
from tests.remote import lists

WHOLE = [
    (lists.skip_limit, "skip"),
    (lists.offset_limit, "offset"),
    (lists.pages, "page"),
    (lists.pages_from_0_untold, "page"),
    (lists.strict_page_alone, "page alone"),
    (lists.cursor, "cursor"),
    (lists.next_link, "next link"),
    (lists.link_header, "next link"),
    (lists.everything, "one page"),
    (lists.total_of_the_page, "skip"),
]


def read(shape, rows):
    """The list as read, and the requests for it."""
    with lists.serving(shape, rows) as (url, asked), httpx.Client(base_url=url, trust_env=False, verify=False) as client:

        def get(path):
            answer = client.get(path)
            if answer.status_code != 200:
                raise RuntimeError(f"answers {answer.status_code}")
            return Page(answer.json(), answer.headers.get("link", ""))

        return listing.read(get, url, "/list"), asked


def some(count):
    """So many rows."""
    return [{"id": number, "notes": "x"} for number in range(count)]


@pytest.mark.parametrize(("shape", "way"), WHOLE, ids=lambda value: getattr(value, "__name__", None))
@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 99, 101, 250, 317])
def test_a_list_is_read_to_its_end(shape, way, count):
    """For any number of its rows; each once."""
    found, _asked = read(shape, some(count))
    if found.cut_at is not None:
        found = listing.whole_after_all(found, found.cut_at + 1)
    assert [row["id"] for row in found.rows] == list(range(count))
    assert found.lacking == ""
    assert found.way in {way, "one page", "skip", "next link", "cursor"}


@pytest.mark.parametrize(("shape", "way"), WHOLE, ids=lambda value: getattr(value, "__name__", None))
def test_it_is_read_in_the_form_that_the_platform_answers(shape, way):
    """Of 317 rows every paged one needs a second page."""
    assert read(shape, some(317))[0].way == way


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (lists.first_100_alone, "exactly 100 rows without a total or a next page"),
        (lists.first_100_of_total, "answers 100 rows of 317, but offers no way to the rest"),
        (lists.total_too_high, "says that it has 324 rows, but shows 317"),
        (lists.repeating, "page 3 repeats an earlier one"),
        (lists.elsewhere, "another host (127.0.0.2:9), which is not followed"),
        (lists.in_a_circle, "was already read"),
        (lists.breaks_off, "page 3 cannot be read: answers 500"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_list_that_cannot_be_read_completely_says_why(shape, says):
    """And returns what could be read."""
    found, _asked = read(shape, some(317))
    assert says in found.lacking
    assert 40 <= len(found.rows) <= 317


@pytest.mark.thorough
def test_an_endless_list_ends(monkeypatch):
    """After a bounded number of pages."""
    monkeypatch.setattr(listing, "PAGES_MAX", 60)
    found, asked = read(lists.endless, [])
    assert "has no end after 60 pages" in found.lacking
    assert len(asked) == 60


def test_a_page_on_another_host_is_not_requested():
    """Only the first page was."""
    _found, asked = read(lists.elsewhere, some(317))
    assert asked == ["/list"] or set(asked) == {"/list"}


def test_a_longer_page_of_the_same_route_shows_that_nothing_was_cut_off():
    """A route that returns 130 rows at once does not cut at 100."""
    doubtful, _asked = read(lists.everything, some(100))
    assert "exactly 100 rows" in doubtful.lacking
    assert listing.whole_after_all(doubtful, 130).lacking == ""
    assert listing.whole_after_all(doubtful, 100).lacking == doubtful.lacking
    cut, _asked = read(lists.first_100_of_total, some(317))
    assert listing.whole_after_all(cut, 130).lacking == cut.lacking


@pytest.mark.parametrize("body", [None, 3, "text", {}, {"appointments": {}}, {"total": 3}])
def test_an_answer_that_is_not_a_list_is_described(body):
    """Instead of an empty list."""
    with pytest.raises(NoList, match=r"answers with .* instead of a list"):
        listing.read(lambda _path: Page(body), "http://127.0.0.1", "/list")


def test_odd_rows_are_rows():
    """Numbers, text, objects without an ID: the caller decides about them."""
    found = listing.read(lambda _path: Page([3, "x", None, {"a": 1}, {"id": "t-1"}, {"id": 1}, {"id": 1}]), "http://127.0.0.1", "/list")
    assert found.rows == (3, "x", None, {"a": 1}, {"id": "t-1"}, {"id": 1})


@pytest.mark.parametrize(
    ("told", "total"), [("12", 12), (12, 12), ("9" * 5000, None), ("\u0663", None), (True, None), (-1, None), ("many", None)]
)
def test_a_total_is_a_number_or_unknown(told, total):
    """Python reads digits of every script, and refuses five thousand of them."""
    assert listing.total_of({"items": [], "total": told}) == total


@pytest.mark.parametrize(
    "url", ["http://a..b", "http://.example", f"http://{'a' * 70}.com", "http://xn--zzzzzz", "http://[::1", "http://a:99999", "http://a\tb"]
)
def test_what_no_client_accepts_as_an_address_is_invalid(url):
    """Each client raises a different error for these, at the first request."""
    assert "is not a base URL" in str(wrong_url(url))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://api.example.com", "http://[::1]:8000", "http://b\u00fccher.example"])
def test_what_clients_accept_is_an_address(url):
    """Names beyond ASCII among them."""
    assert wrong_url(url) is None
