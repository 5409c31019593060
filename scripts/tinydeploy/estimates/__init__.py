"""Estimates of cycles: measured step by step, fitted, and compared with what was measured."""
