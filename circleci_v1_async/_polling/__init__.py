"""Waiting for a build, a commit or a workflow."""
