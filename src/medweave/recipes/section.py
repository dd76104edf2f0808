"""What the sections of a recipe are made of: frozen tables, components by name, numbers within bounds."""

import ast
import inspect
import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Auto = Literal["auto"]
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Size = Annotated[tuple[PositiveInt, ...], Field(min_length=2, max_length=3)]
Spacing = Annotated[tuple[PositiveFloat, ...], Field(min_length=2, max_length=3)]


def _usable_in_file_names(name: str) -> str:
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError("a name has letters, digits, _ and - only, for it is part of file names")
    return name


Name = Annotated[str, AfterValidator(_usable_in_file_names)]


def name_only(value: object) -> object:
    """Write out the short form `name` of `{name: …}`."""
    return {"name": value} if isinstance(value, str) else value


class Documented(BaseModel):
    """A table whose JSON Schema describes each field by the string under it.

    pydantic's `use_attribute_docstrings` does so too, but parses the source of each class when it is imported.
    """

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema with the descriptions of the fields."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in _strings_under_fields(cls).items():
            properties[name]["description"] = text
        return schema


def _strings_under_fields(model: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(inspect.getsource(model)).body
    pairs = pairwise(definition.body) if isinstance(definition, ast.ClassDef) else ()
    return {
        ast.unparse(field.target): inspect.cleandoc(under.value.value)
        for field, under in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(under, ast.Expr)
        and isinstance(under.value, ast.Constant)
        and isinstance(under.value.value, str)
    }


class Section(Documented):
    """A part of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Component(Documented):
    """A registered component by name, with its parameters beside the name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    """Registered name; `medweave recipes components` lists them."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters as written, without the name."""
        return dict(self.model_extra or {})


ComponentField = Annotated[Component, BeforeValidator(name_only, json_schema_input_type=str | Component)]
