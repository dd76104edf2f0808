from medweave.inference.gate.warning import InputWarning


def test_a_warning_names_its_input_and_is_plain_json():
    warning = InputWarning("spacing", "mri", "4 mm, trained on 1 to 2 mm")
    assert str(warning) == "mri: 4 mm, trained on 1 to 2 mm"
    assert warning.to_json() == {"code": "spacing", "input_name": "mri", "message": "4 mm, trained on 1 to 2 mm"}
