"""Requests and replies: routes, bodies, credentials, URLs, and the sockets."""
