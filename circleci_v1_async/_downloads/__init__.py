"""Downloads of artifacts: where their files go, the files while they are written, and fetching them."""
