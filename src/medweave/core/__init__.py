"""Errors, registries and logging: what every other package stands on (standard library only)."""
