"""Tests of the Dockerfile, without Docker."""
