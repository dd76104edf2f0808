"""The errors of medweave.

    MedweaveError            exit 1
    ├── DataError            the images, masks or tables are wrong
    ├── RunError             a run or bundle cannot be used or written
    └── UsageError           exit 2: the command or the recipe is wrong
        ├── DependencyError  an optional package is absent
        └── RecipeError      carries every problem of the recipe at once

A message is one line: what is wrong (where): got …; wanted …. Fix: ….
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Self


class MedweaveError(Exception):
    """Base of every error that medweave raises on purpose.

    Args:
        what: What is wrong, as a sentence without its full stop.
        where: File, case or key concerned.
        got: What was found.
        wanted: What would have been right.
        fix: What to do, as a sentence.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        got: object = None,
        wanted: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.got, self.wanted, self.fix = what, where, got, wanted, fix
        details = [f"{label} {value}" for label, value in (("got", got), ("wanted", wanted)) if value is not None]
        text = what if where is None else f"{what} ({where})"
        if details:
            text = _continued(text, "; ".join(details), mark=":")
        super().__init__(_continued(text, f"Fix: {fix}", mark=".") if fix else text)


def _continued(text: str, further: str, *, mark: str) -> str:
    """Go on after `text`: with `mark`, or with a new sentence where the text asks a question ("Did you mean …?")."""
    if text.endswith("?"):
        return f"{text} {further[0].upper()}{further[1:]}"
    return f"{text.removesuffix('.')}{mark} {further}"


class DataError(MedweaveError):
    """The data on disk are absent, unreadable or inconsistent."""


class RunError(MedweaveError):
    """A run folder or bundle cannot be read, written or continued."""


class UsageError(MedweaveError):
    """The command was called wrongly."""

    exit_code = 2


class DependencyError(UsageError):
    """The installation lacks the extra that brings a package."""


class RecipeError(UsageError):
    """A recipe has one or more problems.

    Args:
        source: File or library name of the recipe.
        problems: One line a problem, each starting with the dotted key.
    """

    def __init__(self, source: object, problems: Sequence[str]) -> None:
        self.source, self.problems = source, list(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"recipe {source} has {count}:\n" + "\n".join(f"  {problem}" for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[object, list[str]]]:
        return type(self), (self.source, self.problems)


def did_you_mean(word: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return " Did you mean 'x'?" for the candidate nearest to `word`, else the empty string.

    Example:
        >>> did_you_mean("hart", ["heart", "lung"])
        " Did you mean 'heart'?"
    """
    matches = get_close_matches(word, list(candidates), n=1, cutoff=cutoff)
    return f" Did you mean {matches[0]!r}?" if matches else ""
