"""Tests on real and simulated boards: connections, resets of wedged boards, flake statistics."""
