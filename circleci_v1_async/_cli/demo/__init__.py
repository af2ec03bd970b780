"""`circleci-v1 demo`: a made-up team, its history, and the screen that shows it."""
