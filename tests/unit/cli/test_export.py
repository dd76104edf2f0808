import pytest

from medweave.exporting.parity import Parity
from medweave.workflows import export

SCORES = {"dice": {"heart.atrium": 0.9}, "accuracy": {}}


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the workflow is asked for; it exports nothing."""
    calls = []

    def run(model, output, *, settings, on_progress):
        calls.append(settings)
        parity = Parity(2, 3e-6, 1e-6, 0.99999, 1.0, SCORES, {**SCORES, "dice": {"heart.atrium": 0.895}})
        return export.Export(output, parity, 12.34)

    monkeypatch.setattr(export, "run", run)
    return calls


def test_the_proof_is_printed(medweave, asked, tmp_path):
    done = medweave("export", tmp_path / "run", "--output", tmp_path / "bundle", "--cases", 3, "--openvino")
    assert done.code == 0
    assert "2 validation cases, run against bundle: probabilities differ by at most 3.0e-06" in done.stdout
    assert f"written to {tmp_path / 'bundle'} (12.3 MB)" in done.stdout
    assert asked == [export.Settings(precision="float32", openvino=True, n_cases=3)]


@pytest.mark.parametrize(("option", "precision"), [(("--quantize", "int8"), "int8"), (("--fp16",), "float16")])
def test_what_a_smaller_precision_costs_is_printed(option, precision, medweave, asked, tmp_path):
    done = medweave("export", tmp_path / "run", "--output", tmp_path / "bundle", *option)
    assert asked[0].precision == precision
    assert "dice heart.atrium: 0.9000 as a run, 0.8950 as a bundle" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--quantize", "int4"), "no such precision"), (("--quantize", "int8", "--fp16"), "exclude each other")],
)
def test_precisions_that_are_none_are_wrong_usage(options, message, medweave, asked, tmp_path):
    done = medweave("export", tmp_path / "run", "--output", tmp_path / "bundle", *options)
    assert (done.code, message in done.stderr, asked) == (2, True, [])
