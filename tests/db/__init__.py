"""Tests of the SQL, each file on a database of its own."""
