"""Feast's registry in a file, replaced as a whole: readers find the old one or the new one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from uuid import uuid4

from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry


class WholeFileRegistryStore(FileRegistryStore):  # type: ignore[misc]
    """The store of Feast's type ``file``: the same content at the same path.

    Feast's own empties the file before it writes, and takes a write cut short for a whole one. Who
    opens the store in that instant finds no features; a writer that is killed then, or a full disk,
    leaves a registry without them.
    """

    def _write_registry(self, registry_proto: Registry) -> None:
        registry_proto.version_id = str(uuid4())
        registry_proto.last_updated.FromDatetime(datetime.now(UTC))
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        partial = self._filepath.with_name(f"{self._filepath.name}.{uuid4().hex}.partial")
        try:
            with partial.open("wb") as file:
                file.write(registry_proto.SerializeToString())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._filepath)
        finally:
            partial.unlink(missing_ok=True)
