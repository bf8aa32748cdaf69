"""The test suite; it mirrors the tree of `mailframe`."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fast", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("fast"), derandomize=True)
settings.register_profile("long", parent=settings.get_profile("fast"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
