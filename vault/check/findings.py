"""What is found where something is not as it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int], None]
"""Called with how many bytes of blobs more were read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it must be.

    Args:
        code: A short name of the kind of problem.
        message: One line for people.
        where: Ids and indexes that say where.
        log: Whether a log is concerned, rather than evidence.
    """

    code: str
    message: str
    where: dict[str, Any] = field(default_factory=dict)
    log: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, and what was found.

    Args:
        records: How many there are.
        entries: Of both logs together.
        problems: What is proved bad.
        warnings: What is as it was stored, and should not stay so.
        destroyed: How many of the records are gone on purpose.
    """

    records: int
    entries: int
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    destroyed: int = 0
