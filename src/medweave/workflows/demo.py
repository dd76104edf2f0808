"""Everything on a synthetic study: inspect, train, evaluate, export, predict."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from typing import Any

from medweave.core.files import claim_output_folder
from medweave.core.optional import import_optional
from medweave.data.split import Split
from medweave.phantoms.cardiac import write_cardiac_study
from medweave.workflows import evaluate, export, inspect, predict, train

CASES = 40


@dataclass(frozen=True)
class Demo:
    """What the demo left.

    Attributes:
        inspection: Report on the data.
        run: Run folder.
        report: Report on the test part.
        bundle: What `medweave export` made of the run.
        predictions: Folder of predictions.
        summary: Content of the evaluation's summary.json.
    """

    inspection: Path
    run: Path
    report: Path
    bundle: Path
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
        on_stage: Called before each part, with the command that does the same.
        on_progress: Called as cases are worked through.

    Raises:
        DependencyError: A package that the export needs is not installed.
    """
    import_optional("onnxscript")
    claim_output_folder(output)
    data, folder, bundle, predictions = (output / name for name in ("data", "run", "bundle", "predictions"))

    def begin(*command: str | Path) -> None:
        on_stage(join(["medweave", *map(str, command)]))

    begin("phantom", "cardiac", "--cases", str(CASES), "--output", data)
    write_cardiac_study(data, n_cases=CASES, seed=0)
    inspection = output / "inspection"
    begin("inspect", data, "--output", inspection)
    inspect.run(data, output=inspection, on_progress=on_progress)
    begin("train", "demo", "--data", data, "--output", folder)
    train.run("demo", data=data, output=folder, on_progress=on_progress)
    begin("evaluate", folder)
    evaluation = evaluate.run(folder, on_progress=lambda done, total: on_progress("evaluating", done, total))
    begin("export", folder, "--output", bundle)
    export.run(folder, bundle, on_progress=on_progress)
    cases = [data / case_id for case_id in Split.load(folder / "split.json").test]
    begin("predict", folder, *cases, "--output", predictions)
    predict.run(folder, cases, output=predictions, on_progress=on_progress)
    return Demo(
        inspection / "report.html",
        folder,
        evaluation.folder / "report.html",
        bundle,
        predictions,
        evaluation.summary,
    )
