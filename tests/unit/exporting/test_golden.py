import hashlib

import numpy as np
import SimpleITK as sitk

from medweave.exporting.golden import write_golden_input
from medweave.inference.golden import golden_case


def test_every_image_is_there_and_answered(predictor, tmp_path):
    write_golden_input(predictor, tmp_path)
    case = golden_case(tmp_path)
    assert {name: path.name for name, path in case.images.items()} == {"mri": "mri.nii.gz", "xray": "xray.png"}
    volume = sitk.ReadImage(str(case.images["mri"]))
    assert (volume.GetSize(), volume.GetSpacing()) == ((8, 8, 4), (1.0, 1.0, 2.0))
    prediction = predictor.predict(case)
    assert prediction.missing_inputs == ()
    assert prediction.segmentations["heart"].label_map.GetSize() == (8, 8, 4)


def test_images_are_the_same_at_every_export_and_fill_the_range_of_values(predictor, tmp_path):
    for name in ("one", "two"):
        write_golden_input(predictor, tmp_path / name)
    hashes = [
        hashlib.sha256((tmp_path / name / "input" / "xray.png").read_bytes()).hexdigest() for name in ("one", "two")
    ]
    assert hashes[0] == hashes[1]
    picture = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "one" / "input" / "xray.png")))
    assert picture.dtype == np.uint8
    assert np.ptp(picture) > 100
