"""The one version number of every first-party distribution."""

__version__ = "1.0.0"
