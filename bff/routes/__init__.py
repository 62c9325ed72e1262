"""The routes, a module a resource: parse, one call, shape."""
