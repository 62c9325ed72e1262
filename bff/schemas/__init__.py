"""Shapes of requests and responses, a module a resource. Shape only: rules live in SQL."""
