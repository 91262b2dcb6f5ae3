"""Burdens of effects per person and region, and their alignment with images."""
