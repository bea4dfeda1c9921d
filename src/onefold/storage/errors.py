"""Errors of the ground."""

from onefold.kernel import errors


class ClusterFailed(errors.Unavailable):
    """The embedded PostgreSQL cannot run; the message says why and what to do."""


class ClusterBusy(errors.Unavailable):
    """Another supervisor holds this data folder."""
