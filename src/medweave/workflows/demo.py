"""Everything on a synthetic study: inspect, train, evaluate, predict, report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medweave.core.files import claim_output_folder
from medweave.data.split import Split
from medweave.phantoms.cardiac import write_cardiac_study
from medweave.workflows import evaluate, inspect, predict, train

CASES = 40


@dataclass(frozen=True)
class Demo:
    """What the demo left.

    Attributes:
        inspection: Report on the data.
        run: Run folder.
        report: Report on the test part.
        predictions: Folder of predictions.
        summary: Content of the evaluation's summary.json.
    """

    inspection: Path
    run: Path
    report: Path
    predictions: Path
    summary: dict[str, Any]


def run(
    output: Path,
    *,
    on_stage: Callable[[str], None] = lambda _stage: None,
    on_progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> Demo:
    """Make a phantom cardiac study, inspect it, train the recipe `demo` on it, evaluate, and predict its test cases.

    Args:
        output: New or empty folder.
        on_stage: Called with a line before each part.
        on_progress: Called as cases are worked through.
    """
    claim_output_folder(output)
    data, folder, predictions = output / "data", output / "run", output / "predictions"
    on_stage(f"drawing a study of {CASES} beating synthetic hearts in {data}")
    write_cardiac_study(data, n_cases=CASES, seed=0)
    on_stage("inspecting it")
    inspect.run(data, output=output / "inspection", on_progress=on_progress)
    on_stage("training the recipe `demo`")
    train.run("demo", data=data, output=folder, on_progress=on_progress)
    on_stage("evaluating the test part")
    evaluation = evaluate.run(folder, on_progress=lambda done, total: on_progress("evaluating", done, total))
    on_stage("predicting the test cases")
    test = Split.load(folder / "split.json").test
    predict.run(folder, [data / case_id for case_id in test], output=predictions, on_progress=on_progress)
    return Demo(
        output / "inspection" / "report.html",
        folder,
        evaluation.folder / "report.html",
        predictions,
        evaluation.summary,
    )
