"""Facts of cases kept in the store, so that files that did not change are not read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from medweave.core.errors import DataError, RunError
from medweave.core.logging import get_logger
from medweave.data.case import Case
from medweave.data.facts import CaseFacts
from medweave.preprocessing.cache import ArrayStore

logger = get_logger(__name__)

#: Part of every key: raise it when `examine` finds something else in the same files.
FORMAT_VERSION = 1
NAME = "facts"


@dataclass
class FactsStore:
    """Remembers what was found in the files of a case, under their bytes and what was asked of them.

    Facts with an error are not kept: a file that could not be read may be readable the next time. What the index says
    of a case (subject, targets, attributes) is not kept either.

    Attributes:
        arrays: Where the facts lie.
    """

    arrays: ArrayStore
    _is_locked: bool = field(default=False, init=False)

    @cached_property
    def _facts(self) -> TypeAdapter[CaseFacts]:
        return TypeAdapter(CaseFacts)

    def key(self, case: Case, asked: Mapping[str, Any]) -> str | None:
        """Return the key of a case's facts, or None where a file cannot be read.

        Args:
            case: The case.
            asked: What else decides what is found, as JSON values.
        """
        files = {
            kind: {name: str(path) for name, path in paths.items()}
            for kind, paths in (("images", case.images), ("label_maps", case.label_maps))
        }
        description = {"facts": FORMAT_VERSION, "case": case.case_id, "files": files, "asked": asked}
        try:
            return self.arrays.key(description, [*case.images.values(), *case.label_maps.values()])
        except DataError:
            return None

    def load(self, key: str, case: Case) -> CaseFacts | None:
        """Return the facts, with the subject, targets and attributes that the case has now, or None if not kept."""
        if (arrays := self.arrays.load(key)) is None:
            return None
        try:
            facts = self._facts.validate_json(arrays[NAME].tobytes())
        except (KeyError, ValidationError):
            return None
        return replace(facts, subject_id=case.subject_id, targets=case.targets, attributes=case.attributes)

    def save(self, key: str, facts: CaseFacts) -> None:
        """Keep facts without an error; a store that cannot be written is told once, and nothing else."""
        if self._is_locked or any(finding.severity == "error" for finding in facts.findings):
            return
        content = replace(facts, subject_id="", targets={}, attributes={})
        try:
            self.arrays.save(key, {NAME: np.frombuffer(self._facts.dump_json(content), np.uint8)})
        except RunError as error:
            self._is_locked = True
            logger.warning("%s", error)
