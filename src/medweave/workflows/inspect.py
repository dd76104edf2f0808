"""From a data folder to what it holds and what is wrong with it."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from medweave.building.layout import build_layout, image_dims, scan_data
from medweave.building.study import build_study_source, without_auto_spacing
from medweave.core.errors import DataError
from medweave.core.files import claim_output_folder, write_json, write_text
from medweave.core.logging import get_logger
from medweave.core.registry import load_plugins
from medweave.data.audit import Audit, audit_index
from medweave.data.examination import examine_all
from medweave.data.facts import CaseFacts, ImageFacts, LabelMapFacts
from medweave.data.facts_store import FactsStore
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan
from medweave.data.summary import Summary, summarise
from medweave.figures.class_distribution import class_distribution_figure
from medweave.figures.histograms import IntensityCurve, intensity_figure, volume_figure
from medweave.figures.overlay import overlay_figure
from medweave.figures.page import render_page, save_and_embed
from medweave.preprocessing.cache import ArrayStore, default_cache_folder
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import read_channels, read_label_map
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe
from medweave.recipes.section import Component

MAX_WORKERS = 4
#: Cases shown of each image, as many of each class, from the smallest to the largest labelled volume.
MAX_PICTURES = 6

#: Called with a stage, how many cases are done and how many there are.
OnProgress = Callable[[str, int, int], None]

logger = get_logger(__name__)


@dataclass(frozen=True)
class Inspection:
    """What an inspection found.

    Attributes:
        index: The cases.
        facts: Of every case.
        summary: The data set in a few numbers.
        audit: What is wrong or suspicious.
        report: The HTML page, or None where no output folder was given.
    """

    index: DatasetIndex
    facts: tuple[CaseFacts, ...]
    summary: Summary
    audit: Audit
    report: Path | None

    def to_json(self) -> dict[str, Any]:
        """Return everything but the pictures as plain JSON values."""
        return {
            **asdict(self.summary),
            "root": self.index.root.as_posix(),
            "audit": {
                "n_errors": len(self.audit.errors),
                "n_warnings": len(self.audit.warnings),
                "findings": [finding.to_json() for finding in self.audit.findings],
                "duplicate_groups": [list(group) for group in self.audit.duplicate_groups],
            },
            "cases": [case.to_json() for case in self.facts],
        }


@dataclass(frozen=True)
class _Picture:
    kind: Literal["classes", "volumes", "intensity", "case"]
    file_stem: str
    caption: str
    figure: Figure


def run(
    data: Path,
    *,
    layout: str | None = None,
    recipe: str | Path | None = None,
    output: Path | None = None,
    on_progress: OnProgress = lambda _stage, _done, _total: None,
) -> Inspection:
    """Read every file of a data folder once, and say what it holds and what is wrong.

    Args:
        data: The folder.
        layout: A registered layout name, or "auto"; None takes the recipe's, or else the one that matches.
        recipe: Library name or file of a recipe that describes the data: the layout with its parameters, and which
            images are 2D or 3D.
        output: New or empty folder for report.html, inspection.json, index.json, audit.json and figures/; None writes
            nothing but the cache.
        on_progress: Called after each case.

    Raises:
        DataError: The folder matches no layout or contradicts itself. Bad images are findings instead.
        RecipeError: The recipe has problems.
        RunError: The output folder cannot be used.
    """
    index, spatial_dims = _index(data, layout, recipe)
    if output is not None:
        claim_output_folder(output)
    total = len(index.cases)
    done = iter(range(1, total + 1))
    facts = examine_all(
        index,
        spatial_dims=spatial_dims,
        store=FactsStore(ArrayStore(default_cache_folder())),
        workers=min(MAX_WORKERS, os.cpu_count() or 1),
        on_case=lambda _: on_progress("examine", next(done), total),
    )
    summary, audit = summarise(index, facts), audit_index(index, facts)
    report = None if output is None else output / "report.html"
    inspection = Inspection(index, tuple(facts), summary, audit, report)
    logger.info("%d cases, %d errors, %d warnings", total, len(audit.errors), len(audit.warnings))
    if output is not None:
        _write(inspection, output, on_progress)
    return inspection


def _index(data: Path, layout: str | None, recipe_source: str | Path | None) -> tuple[DatasetIndex, dict[str, int]]:
    """Return the cases, and the number of axes of each image that is known to have one."""
    named = {"layout": Component(name=layout)} if layout else {}
    if recipe_source is None:
        return scan(data, layout=build_layout(named.get("layout", Component(name="auto")))), {}
    recipe = load_recipe(recipe_source)
    load_plugins(recipe.plugins)
    index = scan_data(data, recipe.data.model_copy(update=named))
    return replace(index, findings=(*index.findings, *_misfits(index, recipe))), image_dims(recipe)


def _misfits(index: DatasetIndex, recipe: Recipe) -> Iterator[Finding]:
    """Find what `train` would refuse the index for."""
    try:
        build_study_source(without_auto_spacing(recipe)).check(index)
    except DataError as error:
        wanted = f"; got {error.got}, wanted {error.wanted}" if error.wanted else f"; got {error.got}"
        yield Finding(
            severity="error",
            code="unfit_for_recipe",
            case_ids=(),
            path=None,
            message=f"{error.what} ({error.where}){wanted}",
            fix=error.fix or "correct the recipe or the data.",
        )


def _write(inspection: Inspection, output: Path, on_progress: OnProgress) -> None:
    inspection.index.save(output / "index.json")
    inspection.audit.save(output / "audit.json")
    write_json(output / "inspection.json", inspection.to_json())
    chosen = _chosen_images(inspection)
    pictures: dict[str, list[dict[str, object]]] = {"classes": [], "volumes": [], "intensity": [], "case": []}
    charts = list(_charts(inspection))
    for done, picture in enumerate(chain(charts, _overlays(inspection, chosen)), start=1):
        path = output / "figures" / f"{picture.file_stem}.png"
        source = save_and_embed(picture.figure, path, as_photograph=picture.kind == "case")
        pictures[picture.kind].append(
            {"caption": picture.caption, "source": source, "is_wide": len(picture.figure.axes) > 1}
        )
        on_progress("draw", done, len(charts) + len(chosen))
    page = render_page(
        "inspect.html.j2",
        summary=inspection.summary,
        root=inspection.index.root,
        audit=inspection.audit,
        facts=inspection.facts,
        pictures=pictures,
    )
    write_text(output / "report.html", page)


def _charts(inspection: Inspection) -> Iterator[_Picture]:
    classes = inspection.summary.classes
    if classes:
        figure = class_distribution_figure({target: {"all": counts} for target, counts in classes.items()})
        yield _Picture("classes", "class_distribution", "Cases of each class.", figure)
    volumes = _volumes_of_structures(inspection)
    if volumes:
        caption = "Volumes over the cases that have the structure."
        yield _Picture("volumes", "volumes", caption, volume_figure(volumes))
    curves = {name: _intensity_curves(name, inspection.facts) for name in inspection.summary.images}
    curves = {name: found for name, found in curves.items() if found}
    if curves:
        caption = "Intensities without the outermost 0.5 %: a thin line for each case, a thick one for their mean."
        yield _Picture("intensity", "intensity", caption, intensity_figure(curves))


def _volumes_of_structures(inspection: Inspection) -> dict[str, list[float]]:
    """Return the volumes of each structure over the cases that have it, by its title in the figure."""
    structures = inspection.summary.structures
    return {
        f"{name if len(structures) == 1 else f'{image}: {name}'} ({found.unit})": [
            case.label_maps[image].volume_ml[name]
            for case in inspection.facts
            if image in case.label_maps and case.label_maps[image].voxels.get(name, 0) > 0
        ]
        for image, table in structures.items()
        for name, found in table.items()
        if found.n_cases > 0
    }


def _intensity_curves(name: str, facts: Sequence[CaseFacts]) -> list[IntensityCurve]:
    images = [case.images[name] for case in facts if name in case.images]
    return [
        IntensityCurve(
            image.histogram.low,
            image.histogram.high,
            image.histogram.counts,
            image.foreground_histogram.counts if image.foreground_histogram else None,
        )
        for image in images
        if image.intensity and image.histogram.high > image.histogram.low
    ]


def _chosen_images(inspection: Inspection) -> list[tuple[CaseFacts, str]]:
    """Return the case and name of the images to draw: of each class, evenly from the smallest labelled volume."""
    chosen = []
    for name in inspection.summary.images:
        drawable = [case for case in inspection.facts if name in case.images and case.images[name].intensity]
        n_groups = len({_classes(case) for case in drawable})
        groups: dict[str, list[CaseFacts]] = defaultdict(list)
        for case in sorted(drawable, key=lambda case: (_labelled_voxels(case, name), case.case_id)):
            groups[_classes(case) if n_groups <= MAX_PICTURES else ""].append(case)
        for _, cases in sorted(groups.items()):
            count = min(MAX_PICTURES // len(groups), len(cases))
            positions = np.linspace(0, len(cases) - 1, count) if count > 1 else [len(cases) // 2]
            chosen += [(cases[int(position)], name) for position in positions]
    return chosen


def _labelled_voxels(case: CaseFacts, name: str) -> int:
    return sum(case.label_maps[name].voxels.values()) if name in case.label_maps else 0


def _overlays(inspection: Inspection, chosen: Sequence[tuple[CaseFacts, str]]) -> Iterator[_Picture]:
    for case, name in chosen:
        image, label_map = case.images[name], case.label_maps.get(name)
        spatial_dims = image.grid.spatial_dims
        labels = None
        if label_map is not None and label_map.grid.size_voxels == image.grid.size_voxels:
            labels = to_array(read_label_map(label_map.path, spatial_dims=spatial_dims))
        figure = overlay_figure(
            to_array(read_channels(image.path, spatial_dims=spatial_dims, colour="grey")[0]),
            labels,
            spacing_mm=image.grid.spacing_mm,
            orientation=image.sampling.orientation,
            structures=inspection.index.structures.get(name, {}),
            title=_title(case, name if len(inspection.summary.images) > 1 else ""),
        )
        yield _Picture("case", f"planes_{case.case_id}_{name}", _describe(image, label_map), figure)


def _title(case: CaseFacts, image_name: str) -> str:
    classes = _classes(case)
    return f"{case.case_id}{image_name and f': {image_name}'}{classes and f' ({classes})'}"


def _classes(case: CaseFacts) -> str:
    return ", ".join(case.targets[target] for target in sorted(case.targets))


def _describe(image: ImageFacts, label_map: LabelMapFacts | None) -> str:
    size = " x ".join(str(count) for count in image.grid.size_voxels)
    spacing_mm = " x ".join(f"{spacing:.3g}" for spacing in image.grid.spacing_mm)
    volumes = (
        [f"{name} {volume:.3g} {label_map.unit}" for name, volume in label_map.volume_ml.items()] if label_map else []
    )
    axes = f", axes {image.sampling.orientation} by the header" if image.sampling.orientation else ""
    return "; ".join([f"{size} voxels of {spacing_mm} mm{axes}", *volumes])
