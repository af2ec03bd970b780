"""The service's nouns, a file for each: how a test builds it, how it looks in replies, what is answered, its routes."""
