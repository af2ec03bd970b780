"""`circleci-v1 demo`: an invented team, its history, and its screen."""
