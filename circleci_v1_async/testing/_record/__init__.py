"""Recordings of the service, and their replays."""
