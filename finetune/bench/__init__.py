"""Benches of what this room trains: the product's own training and serving, files of yours, one JSON document."""

from __future__ import annotations
