"""The numbers of an answer: the gate's verdict, probabilities as bars, volumes and measurements as tables."""

import math
from collections.abc import Mapping

import streamlit as st

from medweave.serving.answer import Answer, ClassificationAnswer
from medweave.serving.app.table import show_table
from medweave.serving.served_model import ClassesDescription

#: More measurements wait to be unfolded.
MANY = 12


def show_answer(answer: Answer, classes: Mapping[str, ClassesDescription]) -> None:
    """Show an answer in numbers.

    Args:
        answer: The answer.
        classes: Of the model, by head.
    """
    _show_gate(answer)
    if answer.missing_inputs:
        st.info(f"Answered without {', '.join(answer.missing_inputs)}, which was not given.")
    for head, classification in answer.classifications.items():
        _show_classes(head, classification, multi_label=classes[head].multi_label)
    for head, segmentation in answer.segmentations.items():
        st.subheader(f"{_words(head)}: {'volumes' if segmentation.unit == 'mL' else 'areas'}")
        rows = {
            _words(name): f"{found.volume:.2f}{_deviation(found.standard_deviation, '.2f')} {segmentation.unit}"
            for name, found in segmentation.structures.items()
        }
        show_table(rows)
    if answer.measurements:
        rows = {
            _words(found.name): "cannot be measured" if found.value is None else f"{found.value:.4g} {found.unit}"
            for found in answer.measurements
        }
        with st.expander("Measurements", expanded=len(rows) <= MANY):
            show_table(rows)
    if answer.members > 1:
        st.caption(f"± is the standard deviation over the {answer.members} members of the model.")


def _show_gate(answer: Answer) -> None:
    if answer.gate == "passed":
        st.success(
            "Input gate: passed. The images are like those that the model was trained on.", icon=":material/check:"
        )
    elif answer.gate == "none":
        st.info("Input gate: none. This model cannot tell whether it knows images like these.", icon=":material/help:")
    else:
        reasons = "\n".join(f"- {found.input_name}: {found.message}" for found in answer.warnings)
        st.warning(f"Input gate: doubtful. Do not rely on this answer.\n{reasons}", icon=":material/block:")


def _show_classes(head: str, found: ClassificationAnswer, *, multi_label: bool) -> None:
    st.subheader(f"{_words(head)}: {_words(found.pred_class) or 'none'}")
    for name, of_class in found.classes.items():
        deviation = "" if of_class.standard_deviation is None else f" ± {of_class.standard_deviation:.1%}"
        st.progress(of_class.probability, text=f"{_words(name)}: **{of_class.probability:.1%}**{deviation}")
    most = len(found.classes) if multi_label else math.log2(len(found.classes))
    st.caption(f"Entropy {found.entropy_bits:.2f} of at most {most:.2f} bits; 0 is sure.")


def _deviation(value: float | None, spec: str) -> str:
    return "" if value is None else f" ± {value:{spec}}"


def _words(name: str) -> str:
    return name.replace("_", " ").replace("|", ", ")
