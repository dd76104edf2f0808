import subprocess
import sys

import numpy as np
import SimpleITK as sitk
from PIL import Image

from medweave.inference.writers.drawing import draw_overlay


def test_the_structure_is_outlined_at_its_place(tmp_path):
    image = sitk.GetImageFromArray(np.full((40, 60), 100, np.float32))
    label_map = np.zeros((60, 40), np.uint8)
    label_map[40:55, 5:15] = 1
    plain, outlined = (
        np.asarray(Image.open(draw_overlay(tmp_path / name, image, labels, structures={"lungs": 1}, title="a case")))
        for name, labels in (("plain.png", np.zeros_like(label_map)), ("outlined.png", label_map))
    )
    assert plain.shape == outlined.shape
    rows, columns = np.nonzero((plain != outlined).any(axis=2))
    assert len(rows) > 0
    # Of the picture the structure takes the right part.
    assert np.median(columns) > plain.shape[1] / 2


def test_matplotlib_waits_for_the_first_picture():
    code = "import sys; import medweave.inference.writers.overlay; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
