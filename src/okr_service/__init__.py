"""Objectives and key results for a group of companies, rolled up exactly and at once."""

__version__ = "0.1.0"
