"""Losses: one term a head, masked where the truth is absent."""
