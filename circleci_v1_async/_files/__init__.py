"""Files that get their name when they are whole."""
