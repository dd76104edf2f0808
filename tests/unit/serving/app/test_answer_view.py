import pytest

from medweave.serving.answer import Answer
from medweave.serving.app.answer_view import show_answer
from medweave.serving.served_model import ClassesDescription

CLASSES = {"side": ClassesDescription(classes=["left_side", "right"], multi_label=False)}
ANSWER = {
    "gate": "passed",
    "warnings": [],
    "missing_inputs": [],
    "members": 1,
    "classifications": {
        "side": {
            "pred_class": "left_side",
            "entropy_bits": 0.5,
            "classes": {"left_side": {"probability": 0.9876}, "right": {"probability": 0.0124}},
        }
    },
    "segmentations": {"heart": {"unit": "mL", "structures": {"lv": {"volume": 12.3456}}}},
    "measurements": [
        {"name": "ejection_fraction", "value": 55.555, "unit": "%"},
        {"name": "mass", "value": None, "unit": "g"},
    ],
}


@pytest.fixture
def show(open_page):
    def call(**changed):
        return open_page(show_answer, Answer.model_validate({**ANSWER, **changed}), CLASSES)

    return call


def test_every_number_is_shown(show, texts):
    app = show()
    assert "Input gate: passed" in app.success[0].value
    bars = [(element.proto.value, element.proto.text) for element in app.get("progress")]
    assert bars == [(98, "left side: **98.8%**"), (1, "right: **1.2%**")]
    assert "Entropy 0.50 of at most 1.00 bits" in texts(app)
    volumes, measurements = (table.value.iloc[:, 0].to_dict() for table in app.table)
    assert volumes == {"lv": "12.35 mL"}
    assert measurements == {"ejection fraction": "55.55 %", "mass": "cannot be measured"}


def test_doubt_is_told_with_its_reasons(show, texts):
    found = {"code": "spacing", "input_name": "mri", "message": "coarser than any"}
    app = show(gate="doubtful", warnings=[found], missing_inputs=["flair"])
    assert "Do not rely on this answer" in app.warning[0].value
    assert "- mri: coarser than any" in app.warning[0].value
    assert "Answered without flair" in texts(app)
    assert "Input gate: none" in texts(show(gate="none"))


def test_several_members_have_deviations(show, texts):
    structures = {"lv": {"volume": 12.0, "standard_deviation": 0.5}}
    classes = {"left_side": {"probability": 0.5, "standard_deviation": 0.02}, "right": {"probability": 0.5}}
    app = show(
        members=2,
        segmentations={"heart": {"unit": "cm²", "structures": structures}},
        classifications={"side": {"pred_class": "", "entropy_bits": 1.0, "classes": classes}},
    )
    assert app.table[0].value.iloc[0, 0] == "12.00 ± 0.50 cm²"
    assert app.get("progress")[0].proto.text == "left side: **50.0%** ± 2.0%"
    assert "over the 2 members" in texts(app)
    assert "side: none" in texts(app)
