"""The runner, and what is said of errors of the library."""

import os
import sys

import httpx

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import CONF, VERSION, at_end, check, eq, raises, run, until  # noqa: E402, F401


def refused(fn, status):
    """The `detail` with which the head refuses a call of the library."""
    error = raises(httpx.HTTPStatusError, fn)
    eq(error.response.status_code, status)
    return error.response.json()["detail"]
