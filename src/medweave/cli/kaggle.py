"""`medweave kaggle`: train on Kaggle's GPUs and bring the run back."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from medweave.cli.progress import case_progress
from medweave.core.optional import import_optional
from medweave.integrations.kaggle import Kaggle, check_name
from medweave.workflows import kaggle_pull

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Train at Kaggle.")

Kernel = Annotated[str, typer.Argument(help="OWNER/NAME of the kernel.")]
DataSet = Annotated[str, typer.Option("--data", help="OWNER/NAME of the data set at Kaggle.")]
DataFolder = Annotated[str | None, typer.Option("--folder", help="Folder in the data set, where several fit.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Changes to the recipe: dotted.key=value …", metavar="KEY=VALUE")
]


@app.command()
def push(
    recipe: Annotated[str, typer.Argument(help="Library name or YAML file.")],
    data: DataSet,
    output: Annotated[Path, typer.Option(help="New folder for the kernel.")],
    overrides: Overrides = None,
    folder: DataFolder = None,
    kernel: Annotated[
        str | None, typer.Option(help="OWNER/NAME of the kernel; by default your account and the recipe's name.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="Kaggle's name of the accelerator; by default NvidiaTeslaT4.")] = None,
    install: Annotated[
        list[str] | None, typer.Option(help="What pip installs there instead of this version; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the folder and push nothing.")] = False,
) -> None:
    """Write a kernel that trains a recipe on a GPU of Kaggle's, and start it there."""
    workflow = import_optional("medweave.workflows.kaggle_push")
    result = workflow.run(
        recipe,
        data_set=data,
        output=output,
        data_folder=folder,
        kernel=kernel,
        gpu=gpu or workflow.GPU,
        requirements=install or workflow.REQUIREMENTS,
        overrides=overrides or [],
        dry_run=dry_run,
    )
    print(f"kernel {result.kernel} in {result.folder}")
    if result.pushed is None:
        print("dry run: nothing was pushed")
        return
    print(f"version {result.pushed.version} runs at {result.pushed.url}")
    print(f"next: medweave kaggle status {result.kernel}")


@app.command()
def status(kernel: Kernel) -> None:
    """Say how a kernel's last session stands."""
    found = Kaggle.connect().status(check_name(kernel, of="kernel"))
    print(f"{kernel}: {found.state}{f': {found.failure}' if found.failure else ''}")
    if found.state == "complete":
        print(f"next: medweave kaggle pull {kernel} --output RUN")


@app.command()
def pull(kernel: Kernel, output: Annotated[Path, typer.Option(help="New folder for the run.")]) -> None:
    """Bring a finished kernel's run and check that it has come whole."""
    result = kaggle_pull.run(kernel, output)
    summary = result.summary
    print(
        f"best {summary['monitor']} {summary['best_value']:.4f} in epoch {summary['best_epoch']} of {summary['epochs']}"
    )
    if result.evaluation:
        for line in _score_lines(result.evaluation):
            print(line)
    print(f"{summary['seconds'] / 60:.1f} minutes; {result.run.path}")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Library name or YAML file.")],
    data: DataSet,
    output: Annotated[Path, typer.Option(help="New folder for the run.")],
    overrides: Overrides = None,
    folder: DataFolder = None,
    input_root: Annotated[Path, typer.Option("--input", help="Where data sets are attached.")] = Path("/kaggle/input"),
) -> None:
    """Train and evaluate on a machine of Kaggle's; a pushed kernel calls it."""
    workflow = import_optional("medweave.workflows.kaggle_train")
    with case_progress() as on_progress:
        result = workflow.run(
            recipe,
            data_set=data,
            output=output,
            data_folder=folder,
            input_root=input_root,
            overrides=overrides or [],
            on_progress=on_progress,
        )
    print(f"{result.run.path}: best {result.summary['monitor']} {result.summary['best_value']:.4f}")
    print(f"next, on your machine: medweave kaggle pull KERNEL --output {quote(output.name)}")


def _score_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Return the most telling score of each head with its interval."""
    metrics = {"segmentation": ("mean_dice", "Dice"), "classification": ("balanced_accuracy", "balanced accuracy")}
    for name, head in summary["heads"].items():
        metric, label = metrics[head["kind"]]
        if head.get(metric) and head[metric]["mean"] is not None:
            low, high = head[metric]["ci95"]
            interval = "" if low is None else f" ({low:.3f} to {high:.3f})"
            yield f"{summary['split']}: {name} {label} {head[metric]['mean']:.3f}{interval}, {summary['n_cases']} cases"
