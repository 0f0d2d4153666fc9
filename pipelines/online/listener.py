"""The address that a service listens on: taken by one service alone, and shared by its workers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from expectations.contracts.errors import UserError


class SharedAddress(socket.socket):
    """A bound socket that reaches a worker as one of its own, bound to the same address.

    Of a single socket the worker that looks first takes every connection that waits, and the
    others have nothing to do for as long as clients keep theirs. Between sockets of one address
    the kernel divides connections (``SO_REUSEPORT``).
    """

    def __reduce__(self) -> tuple[object, ...]:
        return bind_beside, (self.family, self.getsockname())


def bind_beside(family: int, address: tuple[object, ...]) -> SharedAddress:
    """Return another socket bound to an address whose sockets are all made by this function."""
    # of a socket that is told its protocol asyncio sends short answers at once (TCP_NODELAY)
    bound = SharedAddress(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(address)
    bound.set_inheritable(True)
    return bound


@contextmanager
def bind(host: str, port: int) -> Iterator[SharedAddress]:
    """Give a socket bound to the address, which no second service gets while this one has it.

    Raises:
        UserError: the address cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = bind_beside(family, address)
        claimed = _claim(bound)
    except OSError as error:
        remedy = "end what listens there, or choose another with --host and --port"
        rule = "the address is free"
        raise UserError(f"{host}:{port}", rule, remedy, error.strerror or str(error)) from None
    with claimed, bound:
        yield bound


def _claim(bound: socket.socket) -> socket.socket:
    """Return what holds the address's name, which the kernel frees when this process ends.

    Sockets of one address do not exclude each other, whichever service they belong to.
    """
    host, port = bound.getsockname()[:2]
    claimed = socket.socket(socket.AF_UNIX)
    claimed.bind(f"\0interest-explorer {host} {port}")  # no file: a name of the network's namespace
    return claimed
