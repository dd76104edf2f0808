"""The page that browses runs: curves, confusion matrices, worst cases and the report."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from medweave.core.errors import DataError
from medweave.core.files import read_json
from medweave.evaluation.labels import equal_classes
from medweave.figures.confusion import confusion_figure
from medweave.figures.page import figure_png
from medweave.runs.ensemble import Ensemble
from medweave.runs.evaluation_folder import EvaluationFolder
from medweave.runs.folder import RunFolder

#: Worst cases that are listed of a head.
N_WORST = 10
REPORT_HEIGHT = 900


def show_runs(paths: Sequence[Path]) -> None:
    """Show the page.

    Args:
        paths: Runs.

    Raises:
        RunError: A folder holds no run.
        DataError: A file of it is damaged.
    """
    st.title("Run")
    if not paths:
        st.info("Start the app with `--run RUN` to browse a run.")
        return
    run = RunFolder.open(st.selectbox("Run", paths, format_func=str))
    _show_training(run)
    parts = sorted(summary.parent.name for summary in run.path.glob("evaluation/*/summary.json"))
    if not parts:
        st.info("The run is not evaluated; `medweave evaluate` does so.")
        return
    part = st.segmented_control("Evaluated on", parts, default=parts[-1], required=True)
    _show_evaluation(EvaluationFolder(run.evaluation(part)))


def _show_training(run: RunFolder) -> None:
    member = run
    if run.is_ensemble:
        member = run.member(st.selectbox("Fold", list(Ensemble.load(run.ensemble).folds)))
    if not member.metrics.is_file():
        st.info("The run has no curves yet.")
        return
    history = _table(member.metrics).set_index("epoch")
    if member.training_summary.is_file():
        found = read_json(member.training_summary)
        for column, (name, value) in zip(
            st.columns(4),
            {
                "Recipe": found["recipe"],
                "Best epoch": f"{found['best_epoch']} of {found['epochs']}",
                found["monitor"]: f"{found['best_value']:.4f}",
                "Training": f"{found['seconds'] / 60:.1f} min",
            }.items(),
            strict=True,
        ):
            column.metric(name, value)
    losses = [str(name) for name in history if "/loss" in str(name)]
    scores = [str(name) for name in history if str(name).startswith("val/") and name not in losses]
    for column, (title, names, shown) in zip(
        st.columns(2),
        (("Losses", losses, ["train/loss", "val/loss"]), ("Scores", scores, ["val/score"])),
        strict=True,
    ):
        chosen = column.multiselect(title, names, default=[name for name in shown if name in names])
        # Long, since a line breaks at an epoch without its value.
        points = history[chosen].melt(ignore_index=False).dropna().reset_index()
        column.line_chart(points, x="epoch", y="value", color="variable", y_label="")


def _show_evaluation(folder: EvaluationFolder) -> None:
    summary = read_json(folder.summary)
    st.caption(f"{summary['n_cases']} cases of {summary['n_subjects']} subjects.")
    for head, of_head in summary["heads"].items():
        st.header(head.replace("_", " "))
        if of_head["kind"] == "segmentation":
            _show_structures(of_head)
            _show_worst(folder, head)
        else:
            _show_classes(of_head)
            _show_errors(folder, head)
    if folder.report.is_file():
        st.header("Report")
        content = folder.report.read_bytes()
        st.download_button("Report (HTML)", content, "report.html", "text/html", on_click="ignore")
        if st.toggle("Show the report"):
            # As data it has an origin of its own, so that nothing in it reaches the app.
            st.iframe(f"data:text/html;base64,{base64.b64encode(content).decode()}", height=REPORT_HEIGHT)


def _show_structures(of_head: dict[str, Any]) -> None:
    rows = {
        name: {"Dice": _interval(found["dice"]), "worst": f"{found['dice']['worst']:.3f}", "missed": found["missed"]}
        for name, found in of_head["structures"].items()
    }
    st.table(pd.DataFrame.from_dict(rows, orient="index"))


def _show_worst(folder: EvaluationFolder, head: str) -> None:
    cases = _table(folder.per_case)
    worst = cases[cases["head"] == head].sort_values("dice").head(N_WORST)
    st.subheader("Worst cases")
    st.dataframe(worst[["case_id", "structure", "dice", "hd95_mm", "volume_error_ml"]], hide_index=True)
    _show_pictures(folder, f"{head}_worst_*.png")


def _show_classes(of_head: dict[str, Any]) -> None:
    left, right = st.columns(2)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc"):
        if of_head.get(name):
            left.metric(name.replace("_", " "), _interval(of_head[name]))
    if of_head.get("confusion_matrix"):
        figure = confusion_figure(np.array(of_head["confusion_matrix"]), classes=of_head["classes"])
        right.image(figure_png(figure), width="stretch")


def _show_errors(folder: EvaluationFolder, head: str) -> None:
    answers = _table(folder.classification(head)).fillna("")  # several labels may be none
    wrong = answers[~equal_classes(answers["true_class"], answers["pred_class"])]
    sureness = wrong.filter(like="prob_").max(axis=1)
    st.subheader("Worst cases")
    st.dataframe(wrong.loc[sureness.sort_values(ascending=False).index].head(N_WORST), hide_index=True)
    _show_pictures(folder, f"{head}_error_*.png")


def _show_pictures(folder: EvaluationFolder, pattern: str) -> None:
    pictures = sorted(folder.figures.glob(pattern))
    if pictures:
        st.image([str(path) for path in pictures], width=480)


def _interval(found: dict[str, Any]) -> str:
    if found["mean"] is None or None in found["ci95"]:
        return "undefined" if found["mean"] is None else f"{found['mean']:.3f}"
    low, high = found["ci95"]
    return f"{found['mean']:.3f} ({low:.3f} to {high:.3f})"


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError("a table of the run cannot be read", where=path, got=error, fix="evaluate again.") from error
