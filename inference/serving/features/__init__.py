"""The features behind an answer over HTTP, for callers that know no release and no key."""
