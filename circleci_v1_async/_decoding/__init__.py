"""Bytes into models: by msgspec, and by cattrs where a reply does not fit."""
