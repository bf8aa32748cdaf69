"""Declares the policy. This folder and the one above it have no ``__init__.py``."""

from mailframe.registry import Declaration, IPolicyFactory

office_hours = Declaration(
    IPolicyFactory,
    name="office_hours",
    summary="Takes mail in office hours only",
    schema="office_hours.OfficeHoursOptions",
    implementation="office_hours.build",
)
