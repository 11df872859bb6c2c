#!/usr/bin/env python3
"""Starts each built function under AWS's Lambda Runtime Interface Emulator and sends it its sample event.

This is what `sam local invoke` does inside a container, without the container: the emulator runs the `bootstrap` as a
process of this machine. What it proves is that the binary starts from the environment that template.yaml gives it, finds its
table, and answers an API Gateway (or stream) event in the form that Lambda expects.

The functions' table is the embedded DynamoDB of the local server, which this script starts and ends.

usage: invoke_samples.py --functions DIR --emulator FILE --server FILE [NAME ...]

  --functions DIR   what `cargo lambda build --lambda-dir DIR` wrote: NAME/bootstrap.zip (or NAME/bootstrap)
  --emulator FILE   the Runtime Interface Emulator for this machine
  --server FILE     the local server, `tenantry`
  NAME ...          which functions; all by default

Needs Python 3.9 and its standard library only.
"""
import argparse
import base64
import contextlib
import http.client
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

SAMPLES = pathlib.Path(__file__).resolve().parent.parent / "infra" / "samples"
PROBLEM = "application/problem+json"
JSON = "application/json"

# Beside the variables of infra/samples/env.json, what template.yaml gives to each function, and no more: a function that
# silently needs another variable fails here and not in the first deployment.
HTTP = {"CORS_ORIGINS": ""}
TOKENS = {"ISSUERS": "[]", "POOL_ISSUERS": "[]", "IDENTITY_PROVIDERS": "{}"}
PROVIDERS = {"IDENTITY_PROVIDERS": "{}", "IDENTITY_SECRETS_ARN": ""}
INVITATIONS = {"INVITATION_URL": "http://localhost:5173/invitation", "INVITATION_DAYS": "7"}
ENVIRONMENT = {
    "site": HTTP,
    "leads": {**HTTP, **TOKENS, "FRONTEND_URL": "http://localhost:5173/verify", "PUBLIC_RATE_PER_MINUTE": "10"},
    "tenants": {
        **HTTP,
        "API_URL": "https://api.example.com",
        **TOKENS,
        "TIERS": "BASIC,STANDARD,PREMIUM",
        "JOB_DEADLINE_MINUTES": "0",
        "APPLICATION_PLANE": "{}",
        "APPLICATION_PLANE_BUS": "",
        "APPLICATION_PLANE_SOURCE": "",
    },
    "accounts": {
        **HTTP,
        **TOKENS,
        "TIERS": "BASIC,STANDARD,PREMIUM",
        "INVOICE_SELLER": '{"name":"Tenantry"}',
        "INVOICE_DUE_DAYS": "14",
        "BILLING_GRACE_DAYS": "14",
    },
    "users": {**HTTP, **TOKENS, "PUBLIC_RATE_PER_MINUTE": "10", **INVITATIONS},
    "access": {**HTTP, **TOKENS},
    "callbacks": {**HTTP, **INVITATIONS, **PROVIDERS},
    "provisioning": {
        "EVENT_SOURCE": "tenantry",
        **INVITATIONS,
        "INVOICE_SELLER": '{"name":"Tenantry"}',
        "INVOICE_DUE_DAYS": "14",
        "BILLING_GRACE_DAYS": "14",
    },
    "tokens": {"TOKEN_MAX_BYTES": "4096", "OPERATOR_GROUPS": "{}"},
    "logins": {"EVENT_SOURCE": "tenantry", **PROVIDERS},
    "relay": {"EVENT_BUS_NAME": "tenantry", "EVENT_SOURCE": "tenantry", "MAIL_FROM": "no-reply@example.com"},
}
# What seals nothing is not given the key.
WITHOUT_KEY = {"site", "tokens"}

STARTUP_SECONDS = 60
ANSWER_SECONDS = 30


class Failure(Exception):
    """Something did not behave; the text says what."""


def expect_http(status, media_type):
    """A check of an API Gateway answer in payload format 2.0."""

    def check(answer):
        if not isinstance(answer, dict) or "statusCode" not in answer:
            raise Failure(f"expected an HTTP answer with statusCode {status}, got {shorten(answer)}")
        if answer["statusCode"] != status:
            raise Failure(f"expected status {status}, got {answer['statusCode']}: {shorten(body_of(answer))}")
        headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
        if media_type and not headers.get("content-type", "").startswith(media_type):
            raise Failure(f"expected {media_type}, got {headers.get('content-type')!r}")
        if media_type == PROBLEM and json.loads(body_of(answer)).get("status") != status:
            raise Failure(f"the problem does not repeat its status: {shorten(body_of(answer))}")
        return f"status {status}"

    return check


def expect_exactly(expected):
    """A check of an answer that is known to the letter."""

    def check(answer):
        if answer != expected:
            raise Failure(f"expected {json.dumps(expected)}, got {shorten(answer)}")
        return json.dumps(expected)

    return check


def expect_no_tenant(answer):
    """A check of Cognito's trigger: the event comes back, and the access token of a stranger has no claims of ours."""
    token = ((answer or {}).get("response") or {}).get("claimsAndScopeOverrideDetails", {}).get("accessTokenGeneration", {})
    if answer.get("triggerSource") != "TokenGeneration_Authentication" or token.get("claimsToAddOrOverride"):
        raise Failure(f"expected the event without claims of ours, got {shorten(answer)}")
    return "no claims"


# In the order of what they need: the site the least, the relay everything.
CHECKS = {
    "site": expect_http(200, None),
    "leads": expect_http(201, JSON),
    "tenants": expect_http(401, PROBLEM),
    "accounts": expect_http(401, PROBLEM),
    "users": expect_http(401, PROBLEM),
    "access": expect_http(401, PROBLEM),
    "callbacks": expect_http(401, PROBLEM),
    "provisioning": expect_exactly(None),
    "tokens": expect_no_tenant,
    "logins": expect_exactly({"batchItemFailures": []}),
    "relay": expect_exactly({"batchItemFailures": []}),
}


def check_metrics(name, event, log):
    """What CloudWatch would read out of the log: one request at the route of the event, in embedded metric format."""
    route = json.loads(event).get("routeKey")
    if not route:
        return  # the relay's sample has nothing to deliver, and so nothing to count
    metrics = [json.loads(line) for line in log if line.startswith("{") and '"_aws"' in line]
    found = [entry for entry in metrics if (entry.get("Route"), entry.get("Requests")) == (route, 1)]
    if len(found) != 1:
        raise Failure(f"expected one set of metrics for {route}, got {shorten(metrics)}")
    (directive,) = found[0]["_aws"]["CloudWatchMetrics"]
    named = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    if directive["Namespace"] != "Tenantry" or directive["Dimensions"] != [["Stage", "Route"]]:
        raise Failure(f"{name}: namespace or dimensions are others: {shorten(directive)}")
    if found[0]["Stage"] != "sample" or named.get("Latency") != "Milliseconds" or not found[0].get("request.id"):
        raise Failure(f"{name}: stage, latency or request id is missing: {shorten(found[0])}")


def body_of(answer):
    body = answer.get("body") or ""
    return base64.b64decode(body).decode(errors="replace") if answer.get("isBase64Encoded") else body


def shorten(value, limit=600):
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= limit else text[:limit] + "…"


def free_port():
    """A port that nobody listens on now. Somebody may take it before the emulator does: see `invoke`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid):
    """The process ids that `pid` has started, where the kernel tells."""
    with contextlib.suppress(OSError):
        text = "".join(p.read_text() for p in pathlib.Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for child in text.split()]
    return []


def end(process):
    """Ends a process that we started, gently first: the emulator then ends its function itself."""
    if process.poll() is not None:
        return
    orphans = children_of(process.pid)
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def bare_environment():
    """Nothing of CI's own environment reaches a function, its credentials least of all."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


@contextlib.contextmanager
def local_server(binary):
    """Runs the local server; gives the address of its DynamoDB."""
    process = subprocess.Popen(
        [binary, "--port", "0"],
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines, seen = queue.Queue(), []

    def read():
        # To the end, also after start-up: a full pipe would stop the server.
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        dynamodb, deadline = None, time.monotonic() + STARTUP_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failure(f"the local server did not start within {STARTUP_SECONDS} s:\n" + "\n".join(seen)) from None
            if line is None:
                raise Failure(f"the local server ended with status {process.wait()}:\n" + "\n".join(seen))
            seen.append(line)
            if found := re.fullmatch(r"\s*dynamodb\s+(http://\S+)\s*", line):
                dynamodb = found[1].rstrip("/")
            if re.fullmatch(r"http://(localhost|127\.0\.0\.1):\d+/?", line.strip()):
                break
        if not dynamodb:
            raise Failure("the local server did not print `dynamodb http://…`:\n" + "\n".join(seen))
        yield dynamodb
    finally:
        end(process)


def unpack(functions, name, folder):
    """The function's executable, out of the archive that would be deployed."""
    archive, plain = functions / name / "bootstrap.zip", functions / name / "bootstrap"
    if archive.is_file():
        with zipfile.ZipFile(archive) as content:
            if content.namelist() != ["bootstrap"]:
                raise Failure(f"{archive} holds {content.namelist()}, and should hold nothing but `bootstrap`")
            mode = content.getinfo("bootstrap").external_attr >> 16
            if not mode & 0o100:
                raise Failure(f"`bootstrap` in {archive} is not executable (mode {mode:o}): Lambda could not start it")
            plain = pathlib.Path(content.extract("bootstrap", folder))
        plain.chmod(0o755)
    if not plain.is_file():
        raise Failure(f"neither {archive} nor {plain} exists")
    return plain.resolve()


def wait_for(port, process):
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.05)
    raise Failure(f"the emulator did not listen within {STARTUP_SECONDS} s")


def post(port, event):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request(
            "POST", "/2015-03-31/functions/function/invocations", event, {"content-type": "application/json"}
        )
        return connection.getresponse().read()
    finally:
        connection.close()


def invoke(name, args, variables):
    """Starts one function, sends it its sample event, and checks the answer. Returns what to print."""
    event = (SAMPLES / f"{name}.json").read_bytes()
    json.loads(event)
    with tempfile.TemporaryDirectory(prefix=f"tenantry-{name}-") as folder:
        try:
            bootstrap = unpack(args.functions, name, folder)
        except Failure as failure:
            raise Failure(f"{name}: {failure}") from None
        log_path = pathlib.Path(folder) / "log"
        environment = {
            **bare_environment(),
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(ANSWER_SECONDS),
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "sample",
            "AWS_SECRET_ACCESS_KEY": "sample",
            "AWS_SESSION_TOKEN": "sample",
            "LOG_LEVEL": "INFO",
            "STAGE": "sample",
            **variables,
        }
        # A second and third try only for a port that somebody else took in between.
        for _ in range(3):
            port, runtime_port = free_port(), free_port()
            with open(log_path, "wb") as log:
                emulator = subprocess.Popen(
                    [
                        args.emulator,
                        "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
                        "--runtime-api-address", f"127.0.0.1:{runtime_port}",
                        str(bootstrap),
                    ],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            try:
                if not wait_for(port, emulator):
                    continue
                started = time.monotonic()
                raw = post(port, event)
                elapsed_ms = (time.monotonic() - started) * 1000
                if not raw:
                    raise Failure("no answer: the function ended before it gave one")
                try:
                    answer = json.loads(raw)
                except ValueError:
                    raise Failure(f"the answer is not JSON: {shorten(raw.decode(errors='replace'))}") from None
                summary = CHECKS[name](answer)
                check_metrics(name, event, read_log(log_path))
                report = [line for line in read_log(log_path) if re.search(r"INIT REPORT|^REPORT ", line)]
                return [f"{name}: {summary}, {elapsed_ms:.0f} ms with the cold start", *report]
            except (Failure, OSError, http.client.HTTPException) as failure:
                tail = "\n    ".join(read_log(log_path)[-60:])
                raise Failure(f"{name}: {failure}\n  its log:\n    {tail}") from failure
            finally:
                end(emulator)
        raise Failure(f"{name}: the emulator ended at start:\n    " + "\n    ".join(read_log(log_path)[-20:]))


def read_log(path):
    return path.read_text(errors="replace").replace("\t", " ").splitlines()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--emulator", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument("--server", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of " + ", ".join(CHECKS))
    args = parser.parse_args()
    for name in args.names:
        if name not in CHECKS:
            parser.error(f"no such function: {name}")
    for option in ("emulator", "server"):
        path = getattr(args, option)
        if not os.access(path, os.X_OK):
            parser.error(f"--{option}: {path} is not an executable")
        setattr(args, option, str(path.resolve()))
    return args


def main():
    # A terminated script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = arguments()
    shared = json.loads((SAMPLES / "env.json").read_text())["Parameters"]
    failures = []
    with local_server(args.server) as dynamodb:
        shared["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb
        for name in args.names or CHECKS:
            variables = {**ENVIRONMENT[name], **shared}
            if name in WITHOUT_KEY:
                del variables["TENANTRY_MASTER_KEY"], variables["MASTER_KEY_SECRET_ARN"]
            try:
                print(*invoke(name, args, variables), sep="\n    ", flush=True)
            except Failure as failure:
                failures.append(name)
                print(f"FAILED {failure}", flush=True)
    if failures:
        sys.exit("these functions did not answer their sample event as expected: " + ", ".join(failures))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
