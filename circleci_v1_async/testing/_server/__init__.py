"""Requests and replies: routes, bodies, credentials, addresses, and the sockets."""
