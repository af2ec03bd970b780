"""Files that get their final name once they are complete."""
