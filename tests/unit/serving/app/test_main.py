import subprocess
import sys
from pathlib import Path

#: What an installation for bundles lacks.
WITHOUT_TRAINING = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "monai", "pytorch_lightning", "torchmetrics", "safetensors", "sklearn",
                                      "tensorboard", "fastapi", "uvicorn"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
import medweave.serving.app.server, medweave.serving.app.main
"""


def test_the_app_needs_neither_training_nor_the_service():
    source = Path(sys.modules["medweave"].__file__).parents[1]
    command = [sys.executable, "-c", WITHOUT_TRAINING]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(source)})
    assert (done.returncode, "Error" in done.stderr) == (0, False), done.stderr


def test_it_says_plainly_that_it_is_for_research_only(open_app, picture_bundle):
    app = open_app(picture_bundle)
    assert not app.exception
    assert "Not a medical device" in app.warning[0].value
    assert app.title[0].value == "Predict"


def test_what_is_refused_is_told_in_one_line(open_app, picture_bundle):
    app = open_app(picture_bundle)
    app.button[0].click().run()
    assert [found.value for found in app.error] == ["there is no image to predict. Fix: choose a file first."]
    assert not app.exception
