#!/usr/bin/env python3
"""Starts a third-party emulator of AWS, runs a command that finds its Cognito at COGNITO_URL, and ends it.

What the emulator leaves out: addresses that another user has (AliasExistsException), throttling, and the second in which a
person was signed out, whose refresh tokens live on. The first two are scripted in lib/aws/tests/cognito/faults.rs.

usage: emulated_cognito.py -- COMMAND ...

Needs the Python packages of .ci/requirements-emulator.txt; run it with that environment's Python.
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

from emulated_stack import Emulator, Failure, tail


def main():
    # A terminated script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenantry-cognito-", ignore_cleanup_errors=True) as name:
        emulator = Emulator(pathlib.Path(name))
        try:
            environment = {**os.environ, "COGNITO_URL": emulator.url}
            status = subprocess.run(args.command, env=environment, stdin=subprocess.DEVNULL).returncode
            if status:
                log = tail(emulator.log_path.read_text(errors="replace"))
                raise Failure(f"the command ended with status {status}\n  the emulator's log:\n{log}")
        finally:
            emulator.end()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
