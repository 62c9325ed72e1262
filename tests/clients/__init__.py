"""The clients that are written in other languages."""
