"""model_card.md: what a model is for, what it was trained on, how good it is, and what it is not."""

from collections.abc import Mapping, Sequence
from typing import Any

from medweave.core.counting import counted
from medweave.exporting.parity import Parity
from medweave.inference.bundle_description import NO_ATTENTION, BundleDescription

#: Parts whose evaluation is worth telling, the most honest first.
PARTS = {
    "external": "external data",
    "test": "the test part",
    "folds": "out-of-fold cases",
    "val": "the validation part",
}
WARNING = "Not a medical device. For research only; no decision on a patient may rest on it."
LICENCE = "Apache-2.0 covers the code; the weights may be used as far as the licence of the training data allows."


def model_card(description: BundleDescription, parity: Parity, evaluations: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the card of a model.

    Args:
        description: Of the bundle.
        parity: Of the bundle and its run.
        evaluations: summary.json by part of the data; none where the run was not evaluated.
    """
    sections = [
        _purpose(description),
        _data(description),
        "\n\n".join(_results(part, evaluations[part]) for part in PARTS if part in evaluations)
        or "Not evaluated: nothing is known of how good it is. `medweave evaluate RUN`, then export again.",
        _limits(description),
        _fidelity(description, parity),
        LICENCE,
    ]
    titles = ["Intended use", "Data", "Results", "Limits", "The same as the run", "Licence"]
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in zip(titles, sections, strict=True))
    return f"# {description.name}\n\n**{WARNING}**\n\n{body}\n"


def _purpose(description: BundleDescription) -> str:
    lines = [
        f"- segments {', '.join(head.structures)} (`{name}`) on `{head.image_name}`"
        for name, head in description.segmentations.items()
    ]
    lines += [
        f"- classifies {', '.join(head.classes)} (`{name}`{', several at once' if head.multi_label else ''})"
        for name, head in description.classifications.items()
    ]
    lines += [
        f"- classifies {', '.join(head.classes)} by measurements (`{name}`)"
        for name, head in description.measured_heads.items()
    ]
    inputs = [
        f"- `{name}`: {source.preprocessor.spatial_dims}D, {' and '.join(source.image_names)}"
        for name, source in description.inputs.items()
    ]
    return "It\n\n" + "\n".join(lines) + "\n\nfrom\n\n" + "\n".join(inputs)


def _data(description: BundleDescription) -> str:
    training = description.training
    cases = ", ".join(f"{count} {part}" for part, count in training.cases.items())
    return (
        f"Layout `{description.layout.name}`; cases: {cases}, split by subject. Content hash "
        f"`{training.data_hash[:16]}`, recipe hash `{training.recipe_hash[:16]}`, "
        f"training ended {training.finished or 'early'}."
    )


def _results(part: str, summary: Mapping[str, Any]) -> str:
    rows = [row for head, scores in summary["heads"].items() for row in _rows(head, scores)]
    table = "\n".join(f"| {name} | {metric} | {value} |" for name, metric, value in rows)
    note = " The validation part chose the epoch, so its numbers are optimistic." if part == "val" else ""
    cases, subjects = counted(summary["n_cases"], "case"), counted(summary["n_subjects"], "subject")
    return (
        f"On {PARTS[part]}: {cases} of {subjects}, mean and 95 % interval."
        f"{note}\n\n| | | |\n| --- | --- | --- |\n{table}"
    )


def _rows(head: str, scores: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    if scores["kind"] == "segmentation":
        return [
            (f"{head}: {name}", metric, _interval(found[metric]))
            for name, found in scores["structures"].items()
            for metric in ("dice", "hd95_mm")
            if metric in found
        ]
    return [
        (head, name, _interval(scores[name])) for name in ("accuracy", "balanced_accuracy", "roc_auc") if name in scores
    ]


def _interval(score: Mapping[str, Any] | None) -> str:
    if not score or score.get("mean") is None:
        return "not defined"
    low, high = score["ci95"]
    return f"{score['mean']:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else "")


def _limits(description: BundleDescription) -> str:
    return (
        "- It knows images like those it was trained on; nothing is known of other scanners, protocols and people.\n"
        "- It answers every image that it is given; heed the warnings of its predictions.\n"
        f"- Attention maps: {NO_ATTENTION}\n"
        "- The golden case is synthetic and says nothing of quality.\n"
        f"- Precision of the network: {description.network.precision}."
    )


def _fidelity(description: BundleDescription, parity: Parity) -> str:
    largest = max(parity.max_probability_difference, parity.max_class_probability_difference)
    return (
        f"PyTorch and ONNX Runtime answered {parity.n_cases} validation cases, from file to label map: "
        f"probabilities differ by at most {largest:.1e}, {100 * parity.label_agreement:.4f} % of the labels are equal "
        f"(`parity.json`). SHA-256 of every file: `bundle.json`, format {description.format_version}."
    )
