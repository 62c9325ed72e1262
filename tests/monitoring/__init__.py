"""Tests in Prometheus itself."""
