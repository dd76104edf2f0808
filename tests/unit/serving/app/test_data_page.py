import shutil

import numpy as np
import SimpleITK as sitk

from medweave.serving.app.data_page import show_data


def test_the_cases_and_a_slice_are_shown(open_page, heart_study, texts):
    app = open_page(show_data, [heart_study])
    assert not app.exception
    assert app.dataframe[0].value["case"].tolist() == [f"heart_{number:03d}" for number in range(6)]
    facts = app.table[0].value.iloc[:, 0].to_dict()
    assert {"voxels", "spacing (mm)", "left_atrium"} <= set(facts)
    assert "6 cases, layout msd" in texts(app)
    assert len(app.image) == 2


def test_the_slice_moves_along_the_axis_that_is_chosen(open_page, heart_study):
    app = open_page(show_data, [heart_study])
    sliced, _ = app.slider
    largest = sliced.max
    app.segmented_control[1].set_value("x").run()
    assert not app.exception
    assert app.slider[0].max != largest
    app.slider[0].set_value(0).run()
    assert "axis x = 0: left_atrium" in app.image[0].captions[0]


def test_a_picture_has_no_slices_and_labels_without_a_name_are_drawn(open_page, tmp_path):
    values = np.zeros((20, 30), np.uint8)
    values[5:9, 5:9] = 255
    for name in ("image", "mask"):
        sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / f"{name}.png"))
    (tmp_path / "cases.csv").write_text("case_id,image.image,label_map.image\na,image.png,mask.png\n")
    app = open_page(show_data, [tmp_path / "cases.csv"])
    assert not app.exception, app.exception[0].message
    assert [slider.label for slider in app.slider] == ["Opacity of the structures"]


def test_a_file_that_cannot_be_read_is_told(open_page, heart_study, tmp_path, texts):
    data = shutil.copytree(heart_study, tmp_path / "data")
    (data / "imagesTr" / "heart_000.nii.gz").write_bytes(b"nothing")
    app = open_page(show_data, [data])
    assert not app.exception
    assert "cannot be read" in texts(app)
    assert "--data FOLDER" in texts(open_page(show_data, []))
