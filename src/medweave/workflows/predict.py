"""From images to label maps, pictures and a table of volumes."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medweave.building.layout import build_layout
from medweave.core.errors import DataError
from medweave.core.files import claim_output_folder, write_json, write_text
from medweave.core.logging import get_logger
from medweave.data.case import Case
from medweave.data.input_paths import cases_of_paths
from medweave.inference.loading import load_predictor
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor
from medweave.inference.rows import COLUMNS, PredictionRow, prediction_rows
from medweave.inference.writers.attention import write_attention
from medweave.inference.writers.writer import WRITERS
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import describe_environment

logger = get_logger(__name__)


@dataclass(frozen=True)
class PredictionReport:
    """What was predicted.

    Attributes:
        folder: With the written files, predictions.csv and predictions.json.
        rows: Of predictions.csv.
        failures: Message of each case that failed, by case id.
    """

    folder: Path
    rows: tuple[Mapping[str, Any], ...]
    failures: Mapping[str, str]


def run(
    model: Path,
    inputs: Sequence[Path],
    *,
    output: Path,
    probabilities: bool = False,
    overlay: bool = True,
    on_progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> PredictionReport:
    """Predict files and folders.

    One case is in memory at a time. A case that fails is recorded with its reason and the others go on.

    Args:
        model: Run or bundle.
        inputs: Image files, case tables, folders of image files, or folders in the layout of the model's own data or
            in another known one.
        output: New or empty folder.
        probabilities: Write each structure's probabilities too.
        overlay: Write pictures of each case: its structures, and where the network looked for its classes.
        on_progress: Called after each case.

    Raises:
        UsageError: There is no input, or two files would give results of one name.
        RunError: The model cannot be used or the folder not be written.
    """
    predictor = load_predictor(model)
    layout = build_layout(load_recipe(RunFolder.open(model).recipe).data.layout)
    cases = cases_of_paths(inputs, source=predictor.source, layout=layout)
    claim_output_folder(output)
    writers = ["nifti", *(["probabilities"] if probabilities else []), *(["overlay"] if overlay else [])]
    rows: list[PredictionRow] = []
    failures: dict[str, str] = {}
    for position, case in enumerate(cases, start=1):
        image = next(iter(case.images.values()), Path())
        try:
            prediction = predictor.predict(case, keep_probabilities=probabilities, explain=overlay)
            _write(prediction, case, predictor, writers=writers, folder=output)
            rows += prediction_rows(prediction, case, predictor)
        except DataError as error:
            failures[case.case_id] = str(error)
            rows.append({"case_id": case.case_id, "image": image, "status": "failed", "reason": str(error)})
            logger.info("failed: %s", error)
        on_progress("predicting", position, len(cases))
        write_text(output / "predictions.csv", _as_csv(rows))
    write_json(
        output / "predictions.json",
        {
            "model": str(model),
            **describe_environment(),
            "predictions": [{name: _plain(value) for name, value in row.items()} for row in rows],
        },
    )
    return PredictionReport(output, tuple(rows), failures)


def _write(prediction: Prediction, case: Case, predictor: Predictor, *, writers: Sequence[str], folder: Path) -> None:
    for head in prediction.segmentations:
        for name in writers:
            info = predictor.segmentation_heads[head]
            WRITERS.get(name)().write(prediction, head, case=case, info=info, folder=folder)
    for head in prediction.classifications:
        write_attention(
            prediction,
            head,
            case=case,
            source=predictor.source,
            segmentation_heads=predictor.segmentation_heads,
            folder=folder,
        )


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
