"""Makes an API key and says how it is put to use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from inference.serving.http.api_keys import ApiKey, KeyScope, hash_of_key, make_key


def describe_new_key(name: str, scopes: Sequence[str], per_second: float | None) -> Iterator[str]:
    """Make a key; yield it and the entry of the file of keys.

    Raises:
        UserError: there is no such scope.
    """
    key = make_key()
    limit = {} if per_second is None else {"per_second": per_second}
    entry = {"name": name, "sha256": hash_of_key(key.encode()), "scopes": list(scopes), **limit}
    try:
        ApiKey.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        rule = f"a key has a name and scopes of {', '.join(KeyScope)}"
        raise UserError("explorer make-key", rule, "see --help", first["msg"]) from None
    yield f"key (shown this once): {key}"
    yield "add to the file that serving.api_keys names:"
    yield yaml.safe_dump([entry], sort_keys=False).rstrip()
