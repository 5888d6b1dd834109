"""Tries out who may do what, and writes docs/access-matrix.md."""

from __future__ import annotations

import os
import sys

import pytest

os.environ["EVERYCENT_WRITE_ACCESS"] = "1"
sys.exit(pytest.main(["-q", "-s", "tests/access"]))
