"""Recipes: the schema, the loader and the library of studies."""
