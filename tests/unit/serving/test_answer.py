import json

import pytest

from medweave.data.case import Case
from medweave.inference.gate.gate import InputGate
from medweave.inference.record import done_record
from medweave.serving.answer import answer_of


@pytest.fixture
def prediction(served, tmp_path, picture):
    (tmp_path / "a.png").write_bytes(picture)
    case = Case("a", "a", {"image": tmp_path / "a.png"})
    return served["xray"].predictor.predict(case), case


def test_the_numbers_are_those_that_the_command_writes_and_no_path_is_among_them(prediction, served, tmp_path):
    found = json.loads(answer_of(*prediction, served["xray"]).model_dump_json(exclude_none=True))
    record = done_record(*prediction, served["xray"].predictor, files=(), made_by={})
    assert found["measurements"] == record["measurements"]
    assert found["segmentations"]["areas"] == {
        name: record["segmentations"]["areas"][name] for name in ("unit", "structures")
    }
    side = record["classifications"]["side"]
    assert found["classifications"]["side"] == {name: side[name] for name in side if name != "true_class"}
    assert str(tmp_path) not in json.dumps(found)


def test_a_gate_that_has_no_doubt_says_so(prediction, served, monkeypatch):
    assert answer_of(*prediction, served["xray"]).gate == "none"
    monkeypatch.setattr(served["xray"].predictor, "gate", InputGate({}))
    assert answer_of(*prediction, served["xray"]).gate == "passed"
