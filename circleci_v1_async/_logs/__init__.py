"""Logs of builds: from a stream to pieces, and from pieces to text."""
