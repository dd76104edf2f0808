import pytest

from medweave.core.errors import MedweaveError
from medweave.recipes.loader import library_names
from medweave.workflows import phantom


@pytest.mark.parametrize("name", phantom.STUDIES)
def test_writes_a_study_of_so_many_cases_and_names_a_recipe(name, tmp_path) -> None:
    recipe = phantom.run(name, tmp_path / "study", n_cases=2)
    assert recipe in library_names()
    assert any((tmp_path / "study").iterdir())


def test_the_seed_decides_the_study(tmp_path) -> None:
    for seed in (0, 1):
        phantom.run("vessel", tmp_path / str(seed), n_cases=1, seed=seed)
    images = [next((tmp_path / str(seed) / "vw_mri").iterdir()).read_bytes() for seed in (0, 1)]
    assert images[0] != images[1]


@pytest.mark.parametrize(
    ("name", "n_cases", "message"), [("hart", 2, "Did you mean 'heart'"), ("heart", 0, "--cases 0")]
)
def test_says_what_is_wrong(name, n_cases, message, tmp_path) -> None:
    with pytest.raises(MedweaveError, match=message):
        phantom.run(name, tmp_path / "study", n_cases=n_cases)
    assert not (tmp_path / "study").exists()
