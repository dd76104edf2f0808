"""The dataset index: every case that a layout found, saved as index.json."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medweave.core.errors import DataError, did_you_mean
from medweave.core.files import read_json, write_json
from medweave.data.case import Case
from medweave.data.finding import Finding


@dataclass(frozen=True)
class DatasetIndex:
    """An immutable list of cases with the label schema that the data set declares.

    Attributes:
        name: Name of the data set.
        root: Absolute path of the folder.
        layout: Name of the layout that scanned it.
        cases: Sorted by case_id.
        structures: Value of each structure, by label map name; absent where nobody names any.
        structures_of_recipe: Label maps whose structures a recipe names, since the data set declares none.
        findings: What the layout found wrong or suspicious by the names alone.
    """

    name: str
    root: Path
    layout: str
    cases: tuple[Case, ...]
    structures: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...] = ()
    structures_of_recipe: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for case in self.cases:
            if case.case_id in seen:
                raise DataError("two cases have one name", where=case.case_id, fix="rename the files of one of them.")
            seen.add(case.case_id)

    @property
    def image_names(self) -> list[str]:
        """Names of the images that any case has, sorted."""
        return sorted({name for case in self.cases for name in case.images})

    @property
    def label_map_names(self) -> list[str]:
        """Names of the label maps that any case has, sorted."""
        return sorted({name for case in self.cases for name in case.label_maps})

    def subset(self, case_ids: Iterable[str]) -> "DatasetIndex":
        """Return the index of the named cases only, in the order of this index.

        Raises:
            DataError: A name is unknown.
        """
        wanted = set(case_ids)
        unknown = wanted - {case.case_id for case in self.cases}
        if unknown:
            raise DataError(
                "cases are missing from the data folder",
                where=self.root,
                got=f"no {', '.join(sorted(unknown)[:5])}",
                fix="restore the files, or give the folder that the run was trained on.",
            )
        return replace(self, cases=tuple(case for case in self.cases if case.case_id in wanted))

    def without(self, case_ids: Iterable[str]) -> "DatasetIndex":
        """Return the index without the named cases.

        Raises:
            DataError: A name is unknown.
        """
        left_out = set(case_ids)
        names = {case.case_id for case in self.cases}
        for unknown in sorted(left_out - names):
            hint = did_you_mean(unknown, sorted(names))
            raise DataError(
                f"there is no case {unknown!r} to leave out{'.' if hint else ''}{hint}",
                where=self.root,
                fix="correct data.exclude.",
            )
        return self.subset(names - left_out)

    def save(self, path: Path) -> None:
        """Write index.json; paths inside the root are stored relative to it."""

        def relative(paths: Mapping[str, Path]) -> dict[str, str]:
            return {
                name: (file.relative_to(self.root) if file.is_relative_to(self.root) else file).as_posix()
                for name, file in paths.items()
            }

        write_json(
            path,
            {
                "name": self.name,
                "root": self.root.as_posix(),
                "layout": self.layout,
                "structures": {name: dict(values) for name, values in self.structures.items()},
                "cases": [
                    {
                        "case_id": case.case_id,
                        "subject_id": case.subject_id,
                        "images": relative(case.images),
                        "label_maps": relative(case.label_maps),
                        "targets": dict(case.targets),
                        "attributes": dict(case.attributes),
                    }
                    for case in self.cases
                ],
                "findings": [finding.to_json() for finding in self.findings],
            },
        )

    @classmethod
    def load(cls, path: Path) -> "DatasetIndex":
        """Read index.json.

        Raises:
            DataError: The file is absent or is not an index.
        """
        content = read_json(path)
        try:
            return cls._from_json(content)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                "not an index of a data set", where=path, got=error, fix="scan the folder again."
            ) from error

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> "DatasetIndex":
        root = Path(content["root"])
        return cls(
            name=content["name"],
            root=root,
            layout=content["layout"],
            structures=content["structures"],
            cases=tuple(
                Case(
                    case_id=case["case_id"],
                    subject_id=case["subject_id"],
                    images={name: root / file for name, file in case["images"].items()},
                    label_maps={name: root / file for name, file in case["label_maps"].items()},
                    targets=case["targets"],
                    attributes=case.get("attributes", {}),
                )
                for case in content["cases"]
            ),
            findings=tuple(Finding.from_json(finding) for finding in content.get("findings", ())),
        )
