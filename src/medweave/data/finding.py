"""A finding: one thing that is wrong or suspicious in a data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning"]

#: Cases that `Finding.where` names.
MAX_CASES = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong (error) or suspicious (warning).

    Attributes:
        severity: An error makes the named cases unfit for training; a warning asks for a look.
        code: Short name of the kind, for filtering ("truncated", "near_duplicates").
        case_ids: Cases concerned.
        path: File concerned, or None where several are.
        message: What is wrong, as a clause.
        fix: What to do, as a sentence.
    """

    severity: Severity
    code: str
    case_ids: tuple[str, ...]
    path: Path | None
    message: str
    fix: str

    @property
    def where(self) -> str:
        """The file concerned, or else the first few cases."""
        if self.path is not None:
            return str(self.path)
        more = len(self.case_ids) - MAX_CASES
        return f"cases {', '.join(self.case_ids[:MAX_CASES])}{f' and {more} more' if more > 0 else ''}"

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON values."""
        return {
            "severity": self.severity,
            "code": self.code,
            "case_ids": list(self.case_ids),
            "path": self.path.as_posix() if self.path else None,
            "message": self.message,
            "fix": self.fix,
        }

    @classmethod
    def warning(
        cls, code: str, case_ids: tuple[str, ...], *, message: str, fix: str, path: Path | None = None
    ) -> "Finding":
        """Return a warning of some cases, or of a file."""
        return cls(severity="warning", code=code, case_ids=case_ids, path=path, message=message, fix=fix)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Finding":
        """Build the finding that `to_json` described."""
        path = Path(content["path"]) if content["path"] else None
        return cls(**content | {"case_ids": tuple(content["case_ids"]), "path": path})
