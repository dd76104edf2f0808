"""The audit: everything that is wrong or suspicious in a data set, and which cases are copies of each other."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medweave.core.counting import counted
from medweave.core.files import read_json, write_json
from medweave.data.classes import class_findings
from medweave.data.facts import CaseFacts, ImageFacts
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex
from medweave.data.likeness import near_duplicate_pairs
from medweave.data.pictures import picture_findings
from medweave.preprocessing.readers.raster import is_raster

MAX_SPACING_RATIO = 3.0

Copies = tuple[str, ...]
ImageOfCase = tuple[CaseFacts, ImageFacts]


@dataclass(frozen=True)
class Audit:
    """What was found, and the copies.

    Attributes:
        findings: Errors first.
        duplicate_groups: Sorted case ids of exact and near copies; a split must keep each group on one side.
    """

    findings: tuple[Finding, ...]
    duplicate_groups: tuple[Copies, ...]

    @property
    def errors(self) -> list[Finding]:
        """The findings that make cases unfit for training."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that ask for a look."""
        return [finding for finding in self.findings if finding.severity == "warning"]

    def save(self, path: Path) -> None:
        """Write audit.json."""
        write_json(
            path,
            {
                "findings": [finding.to_json() for finding in self.findings],
                "duplicate_groups": [list(group) for group in self.duplicate_groups],
            },
        )

    @classmethod
    def load(cls, path: Path) -> "Audit":
        """Read audit.json."""
        content = read_json(path)
        return cls(
            tuple(Finding.from_json(finding) for finding in content["findings"]),
            tuple(tuple(group) for group in content["duplicate_groups"]),
        )


def audit_index(index: DatasetIndex, facts: Sequence[CaseFacts]) -> Audit:
    """Judge a whole data set.

    Args:
        index: The cases.
        facts: What `examine_all` found, of every case of the index.
    """
    findings = [*index.findings, *(finding for case in facts for finding in case.findings)]
    findings += [*_missing_files(index), *_unread_labels(index, facts), *class_findings(facts)]
    copies: list[Copies] = []
    for name in index.image_names:
        images = [(case, case.images[name]) for case in facts if name in case.images]
        findings += [*_mixed_kinds(name, images), *_mixed_orientations(name, images), *_spacing_outliers(name, images)]
        findings += picture_findings(name, facts)
        for finding in [*_exact_duplicates(name, images), *_near_duplicates(name, images)]:
            findings.append(finding)
            copies.append(finding.case_ids)
    findings += _repeated_images(facts)
    findings.sort(key=lambda finding: finding.severity)
    return Audit(tuple(findings), _joined(copies))


def _missing_files(index: DatasetIndex) -> Iterator[Finding]:
    empty = tuple(case.case_id for case in index.cases if not case.images)
    if empty:
        yield Finding(
            severity="error",
            code="no_image",
            case_ids=empty,
            path=None,
            message="a case has no image at all" if len(empty) == 1 else f"{len(empty)} cases have no image at all",
            fix="restore the files, or remove the cases.",
        )
    for kind, names in (("image", index.image_names), ("label_map", index.label_map_names)):
        for name in names:
            lacking = tuple(case.case_id for case in index.cases if name not in getattr(case, f"{kind}s"))
            if lacking:
                words = f"{kind.replace('_', ' ')} {name!r}"
                yield Finding.warning(
                    f"missing_{kind}",
                    lacking,
                    message=f"{len(lacking)} of {len(index.cases)} cases have no {words}",
                    fix="add the files if they exist; inputs and tasks that need them are left out of these cases.",
                )
    for case in index.cases:
        for name in sorted(case.label_maps.keys() - case.images.keys()):
            yield Finding.warning(
                "mask_without_image",
                (case.case_id,),
                path=case.label_maps[name],
                message=f"the label map of {name!r} has no image",
                fix="restore the image, or remove the label map.",
            )


def _unread_labels(index: DatasetIndex, facts: Sequence[CaseFacts]) -> Iterator[Finding]:
    for name in index.label_map_names:
        unread = {case.case_id: found.unread for case in facts if (found := case.label_maps.get(name)) and found.unread}
        if unread:
            yield Finding.warning(
                "unread_labels",
                tuple(unread),
                message=f"{counted(len(unread), 'label map')} of {name!r} with labels that no head reads; got "
                f"{sorted({label for labels in unread.values() for label in labels})}, read are "
                f"{dict(index.structures[name])}",
                fix="correct them, or add them to a structure of the recipe; they count as background.",
            )


def _mixed_kinds(name: str, images: Sequence[ImageOfCase]) -> Iterator[Finding]:
    """Find the images whose number of axes or channels is not that of the others; colours of pictures are converted."""
    axes = [(case, image.grid.spatial_dims) for case, image in images]
    channels = [(case, image.n_channels) for case, image in images if not is_raster(image.path)]
    for code, unit, counts in (("mixed_dimensions", "axes", axes), ("mixed_channels", "channels", channels)):
        (usual, _), *others = Counter(count for _, count in counts).most_common() or [(0, 0)]
        for value, _ in others:
            yield Finding(
                severity="error",
                code=code,
                case_ids=tuple(case.case_id for case, own in counts if own == value),
                path=None,
                message=f"images {name!r} have {value} {unit}; most have {usual}",
                fix="convert them to one kind, or leave these cases out.",
            )


def _mixed_orientations(name: str, images: Sequence[ImageOfCase]) -> Iterator[Finding]:
    counts = Counter(image.sampling.orientation for _, image in images)
    if len(counts) > 1:
        usual = counts.most_common(1)[0][0]
        found = ", ".join(f"{code or '2D'} in {count}" for code, count in counts.most_common())
        yield Finding.warning(
            "mixed_orientations",
            tuple(case.case_id for case, image in images if image.sampling.orientation != usual),
            message=f"headers of the images {name!r} name several orientations: {found}",
            fix="set preprocessing.orientation in the recipe, and look whether the headers are right.",
        )


def _spacing_outliers(name: str, images: Sequence[ImageOfCase]) -> Iterator[Finding]:
    usual_dims = Counter(image.grid.spatial_dims for _, image in images).most_common(1)[0][0] if images else 0
    alike = [(case, image) for case, image in images if image.grid.spatial_dims == usual_dims]
    spacings = np.array([image.sampling.towards("LPS").spacing_mm for _, image in alike])
    median = np.median(spacings, axis=0) if alike else spacings
    for (case, image), spacing in zip(alike, spacings, strict=True):
        if np.max(np.maximum(spacing / median, median / spacing)) > MAX_SPACING_RATIO:
            yield Finding.warning(
                "spacing_outlier",
                (case.case_id,),
                path=image.path,
                message=f"the spacing of image {name!r} is far from the others (axes as in LPS); "
                f"got {_rounded(spacing)} mm, median {_rounded(median)} mm",
                fix="check the header against the scanner's protocol.",
            )


def _exact_duplicates(name: str, images: Sequence[ImageOfCase]) -> Iterator[Finding]:
    """Find cases of different names with one content."""
    by_content: dict[str, list[CaseFacts]] = defaultdict(list)
    for case, image in images:
        by_content[image.sha256].append(case)
    for copies in by_content.values():
        if len(copies) > 1:
            label_maps = {case.label_maps[name].sha256 for case in copies if name in case.label_maps}
            targets = {tuple(sorted(case.targets.items())) for case in copies}
            differing = [kind for kind, found in (("label maps", label_maps), ("classes", targets)) if len(found) > 1]
            but = f", but differ in their {' and '.join(differing)}" if differing else ""
            yield Finding.warning(
                "exact_duplicates",
                tuple(sorted(case.case_id for case in copies)),
                message=f"the images {name!r} are the same, voxel by voxel{but}",
                fix=f"keep {'the right one' if differing else 'one'}. A split holds them on one side.",
            )


def _near_duplicates(name: str, images: Sequence[ImageOfCase]) -> Iterator[Finding]:
    for spatial_dims in (2, 3):
        alike = [(case, image) for case, image in images if image.grid.spatial_dims == spatial_dims and image.intensity]
        pairs = near_duplicate_pairs(
            [image.thumbnail for _, image in alike],
            [image.perceptual_hashes for _, image in alike],
            spatial_dims=spatial_dims,
        )
        case_pairs = [
            (alike[first][0].case_id, alike[second][0].case_id)
            for first, second in pairs
            if alike[first][0].subject_id != alike[second][0].subject_id
            and alike[first][1].sha256 != alike[second][1].sha256
        ]
        for group in _joined(case_pairs):
            yield Finding.warning(
                "near_duplicates",
                group,
                message=f"the images {name!r} look like copies, with other noise, intensity scale or borders",
                fix="look at them; if they are, keep one. A split holds them on one side.",
            )


def _repeated_images(facts: Sequence[CaseFacts]) -> Iterator[Finding]:
    """Find cases that hold one content under two image names."""
    for case in facts:
        names = defaultdict(list)
        for name, image in case.images.items():
            names[image.sha256].append(name)
        for repeated in names.values():
            if len(repeated) > 1:
                yield Finding.warning(
                    "repeated_image",
                    (case.case_id,),
                    message=f"the images {' and '.join(repeated)} of this case are the same, voxel by voxel",
                    fix="replace the wrong one, or remove it so that it counts as missing.",
                )


def _joined(copies: Sequence[Copies]) -> tuple[Copies, ...]:
    """Join the groups that share a case."""
    case_ids = sorted({case_id for group in copies for case_id in group})
    position = {case_id: index for index, case_id in enumerate(case_ids)}
    edges = [(position[group[0]], position[case_id]) for group in copies for case_id in group]
    if not edges:
        return ()
    rows, columns = zip(*edges, strict=True)
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(len(case_ids), len(case_ids)))
    count, component = connected_components(graph, directed=False)
    groups: list[list[str]] = [[] for _ in range(count)]
    for case_id, group in zip(case_ids, component, strict=True):
        groups[group].append(case_id)
    return tuple(tuple(group) for group in groups)


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
