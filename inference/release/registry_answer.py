"""Whether the model registry answers at all, asked once and at once.

MLflow tries again for minutes where nobody listens: ten times to open a database, seven times to
reach a server. Whoever typed a command, or a service that has another answer, must know sooner.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from expectations.contracts.errors import UserError

CONNECT_SECONDS = 5
PORTS = {"http": 80, "https": 443}
WITH_A_CONNECT_TIMEOUT = ("postgresql", "mysql")
"""Databases whose clients take ``connect_timeout``; a file needs none."""


class RegistryUnreachableError(UserError):
    """The model registry did not answer."""

    def __init__(self, error: Exception) -> None:
        remedy = "start it, or correct MLFLOW_TRACKING_URI"
        super().__init__("model registry", "answers", remedy, str(error)[:120])


def require_registry(uri: str) -> None:
    """Connect to the registry once.

    Raises:
        RegistryUnreachableError: nobody answers within :data:`CONNECT_SECONDS`, or not to us.
    """
    address = urlsplit(uri)
    try:
        if address.scheme in PORTS:
            _reach(address.scheme, str(address.hostname), address.port)
        elif address.scheme.split("+")[0] in WITH_A_CONNECT_TIMEOUT:
            timeout = {"connect_timeout": CONNECT_SECONDS}
            engine = create_engine(uri, poolclass=NullPool, connect_args=timeout)
            engine.connect().close()
    except (OSError, SQLAlchemyError, ImportError, ValueError) as error:
        raise RegistryUnreachableError(error) from None


def _reach(scheme: str, host: str, port: int | None) -> None:
    if scheme in getproxies() and not proxy_bypass(host):
        return  # only the proxy reaches it
    socket.create_connection((host, port or PORTS[scheme]), CONNECT_SECONDS).close()
