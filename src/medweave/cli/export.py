"""`medweave export`: make a bundle that predicts without PyTorch."""

from pathlib import Path
from typing import Annotated

import typer

from medweave.cli.progress import case_progress
from medweave.core.errors import UsageError
from medweave.workflows import export as workflow


def export(
    run: Annotated[Path, typer.Argument(help="Run.")],
    output: Annotated[Path, typer.Option(help="New folder for the bundle.")],
    data: Annotated[Path | None, typer.Option(help="The run's data, if they have moved.")] = None,
    quantize: Annotated[str | None, typer.Option(help="int8: 8-bit, calibrated on training cases.")] = None,
    fp16: Annotated[bool, typer.Option("--fp16", help="16-bit floats, for GPUs.")] = False,
    openvino: Annotated[bool, typer.Option("--openvino", help="Write the network for OpenVINO too.")] = False,
    cases: Annotated[int, typer.Option(min=1, help="Validation cases to compare with the run.")] = 8,
) -> None:
    """Export a run as a bundle (ONNX), proven to answer as the run; a bundle that does not is not left."""
    settings = workflow.Settings(precision=_precision(quantize, fp16=fp16), openvino=openvino, data=data, n_cases=cases)
    with case_progress() as on_progress:
        made = workflow.run(run, output, settings=settings, on_progress=on_progress)
    parity = made.parity
    largest = max(parity.max_probability_difference, parity.max_class_probability_difference)
    print(
        f"{parity.n_cases} validation cases, run against bundle: probabilities differ by at most {largest:.1e}, "
        f"{100 * parity.label_agreement:.4f} % equal labels"
    )
    if settings.precision != "float32":
        for measure, before in parity.run.items():
            for name, value in before.items():
                print(f"{measure} {name}: {value:.4f} as a run, {parity.bundle[measure][name]:.4f} as a bundle")
    print(f"written to {made.folder} ({made.size_mb:.1f} MB)")


def _precision(quantize: str | None, *, fp16: bool) -> workflow.Precision:
    if quantize not in (None, "int8"):
        raise UsageError("no such precision", got=f"--quantize {quantize}", wanted="int8")
    if quantize and fp16:
        raise UsageError("--quantize and --fp16 exclude each other", fix="choose one.")
    return "int8" if quantize else "float16" if fp16 else "float32"
