import pytest
from pydantic import TypeAdapter, ValidationError

from medweave.recipes.section import Component, ComponentField, Name, Section, Size


class Box(Section):
    size_voxels: Size
    """Of the box."""


def test_a_section_is_frozen_and_refuses_unknown_keys() -> None:
    box = Box(size_voxels=(1, 2))
    with pytest.raises(ValidationError, match="frozen"):
        box.size_voxels = (3, 4)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Box(size_voxels=(1, 2), colour="red")
    assert Box.model_json_schema()["properties"]["size_voxels"]["description"] == "Of the box."


@pytest.mark.parametrize("size", [(1,), (1, 2, 3, 4), (0, 1)])
def test_a_size_has_two_or_three_positive_axes(size) -> None:
    with pytest.raises(ValidationError, match="size_voxels"):
        Box(size_voxels=size)


def test_a_component_is_its_name_with_parameters_beside_it() -> None:
    parse = TypeAdapter(ComponentField).validate_python
    assert parse("dice") == Component(name="dice")
    assert parse({"name": "dice", "batch": True}).parameters == {"batch": True}


@pytest.mark.parametrize("name", ["a/b", "a.b", "", "-a", "a b"])
def test_a_name_can_be_part_of_a_file_s_name(name) -> None:
    with pytest.raises(ValidationError, match="letters, digits, _ and - only"):
        TypeAdapter(Name).validate_python(name)
    assert TypeAdapter(Name).validate_python("t1_post-contrast") == "t1_post-contrast"
