"""What Jenkins takes for a JUnit file."""

from functools import cache
from pathlib import Path
from typing import Any


@cache
def _schema() -> Any:
    import xmlschema  # noqa: PLC0415 - few tests need it

    return xmlschema.XMLSchema(str(Path(__file__).parent / "report/junit-10.xsd"))


def check(text: str) -> None:
    """By the schema of Jenkins' xUnit plug-in, by its licence (MIT); taken from the source distribution of pytest, which tests its own reports by it.

    Raises :class:`ValueError`.
    """
    _schema().validate(text)
