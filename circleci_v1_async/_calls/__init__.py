"""One call, from a request to its value: attempts, gate (429), reply."""
