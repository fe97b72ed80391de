"""How much memory a Jacobian may take, and the words to refuse one that needs more."""

import math

_FALLBACK = 2 * 1024**3
_SMALL = 16 * 1024**2


def default_limit() -> int:
    """Half of the memory that is free now, in bytes (2 GiB where the system does not say)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):  # not Linux
        return _FALLBACK
    return free // 2


def readable(size: float) -> str:
    """A number of bytes for a person."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def check(what: str, shape: tuple[int, ...], itemsize: int, limit: int | None, instead: str) -> None:
    """MemoryError when an array of this shape is over the limit (None: the default one): its size, and what to ask for
    instead.
    """
    size = itemsize * math.prod(shape)
    if limit is None and size < _SMALL:
        return  # not worth asking the system
    limit = default_limit() if limit is None else limit
    if size > limit:
        raise MemoryError(
            f"{what} of shape {shape} is {readable(size)}, over the limit of {readable(limit)}: {instead}, "
            "or raise the limit (the attribute memory_limit, in bytes)"
        )
