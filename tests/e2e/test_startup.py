"""What a prediction with a run imports before it can begin."""

import subprocess
import sys

SLOW = ("monai", "torch._dynamo", "sklearn", "pandas")
OWN_LAYERS = (
    "model.encoders.mri={name: residual_unet, blocks: [1, 1, 1]}",
    "model.heads.heart={name: unet_decoder}",
)


def test_a_network_of_medweave_s_own_layers_is_loaded_without_what_only_training_needs(
    heart_study, tiny_overrides, prepare_with, tmp_path
):
    run = tmp_path / "run"
    prepare_with("train", "heart_small", "--data", heart_study, "--output", run, *OWN_LAYERS, *tiny_overrides)
    program = (
        "import sys; from pathlib import Path; from medweave.inference.loading import load_predictor;"
        "load_predictor(Path(sys.argv[1])); print(*sorted({*sys.argv[2:]} & {*sys.modules}))"
    )
    command = [sys.executable, "-c", program, str(run), *SLOW]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
