"""What a call may end in, where it does not end in a reply."""

from __future__ import annotations


class CallError(Exception):
    """A call got no reply; whoever needs no difference catches this one."""


class NoAnswerError(CallError):
    """The service could not be reached, or did not answer in time."""


class StrangeReplyError(CallError):
    """What came is not what this client's version of the interface has."""


class RefusedError(CallError):
    """The service answered with a refusal.

    Attributes:
        status: of the answer.
        detail: why, in the service's one line.
        request_id: by which the service's log has it; empty where something before it answered.
    """

    def __init__(self, status: int, detail: str, request_id: str) -> None:
        super().__init__(f"{status}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.status = status
        self.detail = detail
        self.request_id = request_id


class KeyRefusedError(RefusedError):
    """401 or 403: no valid key was sent, or it lacks the scope."""


class NotKnownError(RefusedError):
    """404: there is no such user, item, cluster or route."""


class OtherReleaseServedError(RefusedError):
    """409: another release than the one asked for is in service."""


class TooOftenError(RefusedError):
    """429: this key asked too often, and still did after the waits the service asked for."""


class UnavailableError(RefusedError):
    """A 5xx: the service, or what stands before it, cannot answer now."""


KINDS: dict[int, type[RefusedError]] = {
    401: KeyRefusedError,
    403: KeyRefusedError,
    404: NotKnownError,
    409: OtherReleaseServedError,
    429: TooOftenError,
}
"""By status; any other 4xx is a plain :class:`RefusedError`."""


def refusal(status: int, detail: str, request_id: str) -> RefusedError:
    """Return the error for an answer of this status."""
    kind = UnavailableError if status >= 500 else KINDS.get(status, RefusedError)
    return kind(status, detail, request_id)
