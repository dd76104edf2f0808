from pathlib import Path

import pytest

from medweave.building.layout import build_layout, image_dims, scan_data
from medweave.core.errors import DataError, UsageError
from medweave.data.layouts.image_folders import ImageFoldersLayout
from medweave.data.layouts.layout import AutoLayout
from medweave.data.layouts.msd import MsdLayout
from medweave.recipes.data import Data
from medweave.recipes.loader import load_recipe
from medweave.recipes.section import Component


def test_a_name_becomes_the_layout() -> None:
    assert isinstance(build_layout(Component(name="msd")), MsdLayout)
    assert isinstance(build_layout(Component(name="auto")), AutoLayout)


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"^unknown layout 'mds'\. Did you mean 'msd'\?"):
        build_layout(Component(name="mds"))


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(UsageError, match=r"layout\.folder: unknown parameter of layout 'msd'"):
        build_layout(Component(name="msd", folder="x"))


def test_parameters_are_those_of_the_component() -> None:
    layout = build_layout(Component(name="image_folders", structure="lungs", classes=["a", "b"]))
    assert isinstance(layout, ImageFoldersLayout)
    assert (layout.structure, layout.classes) == ("lungs", ("a", "b"))


def test_cases_that_a_recipe_leaves_out_are_not_listed(heart_study: Path) -> None:
    settings = load_recipe("heart").data
    first, *others = [case.case_id for case in scan_data(heart_study, settings).cases]
    index = scan_data(heart_study, settings.model_copy(update={"exclude": (first,)}))
    assert [case.case_id for case in index.cases] == others
    with pytest.raises(DataError, match=rf"no case '{first}x' to leave out.*Did you mean '{first}'.*data\.exclude"):
        scan_data(heart_study, settings.model_copy(update={"exclude": (f"{first}x",)}))


def test_axes_of_each_image_are_those_of_its_input() -> None:
    assert image_dims(load_recipe("reference/vessel_multimodal")) == {"vw_mri": 3, "regular_mri": 2, "ct": 2}


def test_structures_that_a_data_set_does_not_declare_are_those_that_the_heads_read(tmp_path: Path) -> None:
    for name in ("a.nii", "m.nii"):
        (tmp_path / name).touch()
    (tmp_path / "cases.csv").write_text("case_id,image.flair,label_map.flair\na,a.nii,m.nii\n")
    heads = {
        "parts": {"structures": {"core": 1, "rim": [2, 4]}, "of": "flair"},
        "whole": {"structures": {"core": [3, 1, 2, 4]}, "of": "flair"},
    }
    settings = Data.model_validate(
        {"layout": {"name": "table"}, "inputs": {"mri": {"channels": ["flair"]}}, "heads": heads}
    )
    index = scan_data(tmp_path, settings)
    assert index.structures_of_recipe == {"flair"}
    named = index.structures["flair"]
    assert (named["core"], named["rim"], named["rim (4)"], named["whole core"]) == (1, 2, 4, 3)
    assert set(named.values()) == {1, 2, 3, 4}


def test_structures_that_a_data_set_declares_stay(heart_study: Path) -> None:
    settings = load_recipe("heart").data
    index = scan_data(heart_study, settings)
    assert index.structures_of_recipe == set()
    assert index.structures == build_layout(settings.layout).scan(heart_study).structures
