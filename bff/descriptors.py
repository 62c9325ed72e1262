"""What the operating system lets a process have."""

import contextlib


def raise_file_limit() -> int | None:
    """As many open files as this process, and those that it starts, may have; None where no system says.

    A stream is an open file, and many systems begin with 1,024.
    """
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            return int(hard)
    return int(soft)
