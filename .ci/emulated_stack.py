#!/usr/bin/env python3
"""Deploys template.yaml to a third-party emulator of AWS, runs a command against the stack, and ends everything.

The emulator is ministack: it runs the functions as processes of this machine, behind its own API Gateway, DynamoDB with
streams, EventBridge, SES, SQS and Secrets Manager. The template goes through `sam deploy`, with the archives that
`cargo lambda build` wrote.

The command finds the API at BASE_URL and what people see beside it at DESK_URL: `/mailbox`, `/events`, `/token` and
`/tasks`, in the form of the local product's routes of these names. Both are served by this script on one port, which is
chosen before the deployment; so the stack can be told its own address (ApiUrl) and whose tokens to accept (Issuers) in one
go.

Before the command: no route is missing, and the key ring comes from Secrets Manager. After it: everything was delivered, an
application plane's rule and the archive matched what they should, a mail that SES refuses is reported for itself alone, and
what cannot be delivered ends in the dead-letter queue.

What of the template cannot be deployed as it stands, and what the emulator leaves out and is made up for here:

  CodeUri          the archives are already built; otherwise the template is taken to the letter (`prebuilt`)
  archive, alarms  the emulator's CloudFormation knows no AWS::Events::Archive and no alarm on metric math, so the parameters
                   that leave them out are used; the archive is made through the API (`create_archive`), alarms and
                   dashboard are not tried
  HTTP API routes  the emulator ignores the OpenAPI body of AWS::ApiGatewayV2::Api (`create_routes`)
  preflight        the emulator refuses every OPTIONS request of an API without CorsConfiguration, where AWS looks for a
                   route; the function that has the route is called here (`DeskHandler.preflight`)
  schedules        their times are not waited for: `/tasks` has the function do a schedule's task (`DeskHandler.carry_out`)
  partial failures the emulator's event source does not read `batchItemFailures`, and goes on behind them; what comes after
                   the answer, bringing those records again, is done here (`check_partial_failure`)
  user pool        its keys are published at the emulator's address, so the functions are told that one; and people sign in with a
                   password, which the template's client does not take, so it is allowed here (`Pool`)
  architecture     the emulator starts the archives' programs on this machine, whatever Architectures says

usage: emulated_stack.py --functions DIR --sam FILE -- COMMAND ...

  --functions DIR   what `cargo lambda build --output-format zip --lambda-dir DIR` wrote
  --sam FILE        the SAM CLI

Needs the Python packages of .ci/requirements-emulator.txt; run it with that environment's Python.
"""
import argparse
import base64
import contextlib
import datetime
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

import boto3
import botocore.config
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGION = "eu-central-1"
ACCOUNT = "000000000000"
STACK = "tenantry-emulated"
SOURCE = "tenantry"
MAIL_IDENTITY = "example.com"
SCRAPE_TOKEN = secrets.token_hex(32)
# What the README tells an application plane to subscribe to.
ORDERS = {"source": [SOURCE], "detail-type": [
    f"tenant.{kind}_requested.v1" for kind in ("provisioning", "deprovisioning", "tier_change")]}
HTTP_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

STARTUP_SECONDS = 60
DEPLOY_SECONDS = 300
PATIENCE_SECONDS = 60


# As on AWS, nobody gets a token when the trigger fails.
STRICT = {"MINISTACK_COGNITO_PRETOKEN_STRICT": "1"}


class Failure(Exception):
    """Something did not behave; the text says what."""


def say(text):
    print(f"--- {text}", flush=True)


def eventually(what, look, seconds=PATIENCE_SECONDS):
    """Looks until there is something to see."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise Failure(f"waited {seconds} s in vain for {what}")


# --- The emulator ----------------------------------------------------------------------------------------------------------


class Emulator:
    """A ministack of our own, in a process group of its own: it leaves the functions' processes behind when it ends."""

    def __init__(self, folder, **settings):
        self.log_path = folder / "emulator.log"
        # A second and third try only for a port that somebody else took in between.
        for _ in range(3):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            # Functions inherit the emulator's environment, so there is nothing in it that they could take for a setting.
            environment = {
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "AWS_ENDPOINT_URL": self.url,
                "AWS_DEFAULT_REGION": REGION,
                "MINISTACK_REGION": REGION,
                "MINISTACK_ACCOUNT_ID": ACCOUNT,
                # The functions' HTTP library accepts no host name that looks like an address in the middle.
                "MINISTACK_HOST": "localhost",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                **settings,
                "LOG_LEVEL": "WARNING",
            }
            with open(self.log_path, "wb") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "ministack"],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            if self.is_ready():
                return
            self.end()
        raise Failure("the emulator did not start:\n" + tail(self.log_path.read_text(errors="replace")))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self):
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/_ministack/health")[0] == 200:
                    return True
            time.sleep(0.1)
        return False

    def get(self, path):
        return self.send("GET", path, {}, None)

    def send(self, method, path, headers, body):
        """One request; its status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def client(self, service):
        # No retries: the emulator throttles nothing, so what it refuses is a mistake.
        config = botocore.config.Config(retries={"total_max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )

    def end(self):
        """Ends the emulator and the functions that it started, gently first."""
        for name in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, name)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=3)


def tail(text, lines=60):
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


# --- The desk --------------------------------------------------------------------------------------------------------------


class Issuer:
    """Issues RS256 tokens for trying things, as a Cognito user pool would."""

    audience = "tenantry"

    def __init__(self, url):
        self.url = url
        self.kid = secrets.token_hex(4)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # All there are, from the one place where they are named.
        source = (ROOT / "lib/domain/src/permission.rs").read_text()
        self.permissions = re.findall(r'^\s+name: "(\w+)",$', source, re.MULTILINE)
        if not self.permissions:
            raise Failure("no permissions found in lib/domain/src/permission.rs")

    def description(self):
        return {"issuer": self.url, "audiences": [self.audience], "jwksUri": f"{self.url}/jwks.json"}

    def jwks(self):
        numbers = self.key.public_key().public_numbers()

        def text(number):
            return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))

        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": text(numbers.n), "e": text(numbers.e)}
        return {"keys": [key]}

    def operator_token(self):
        return self.sign({"sub": "emulated-operator", "scope": "platform", "permissions": self.permissions})

    def member_token(self, query):
        """What the pool would say of a member at its sign-in; whoever asks has read it before."""
        tenant_id, user_id, permissions = (query[name][0] for name in ("tenantId", "userId", "permissions"))
        claims = {"tenantId": tenant_id, "userTenantId": membership_id(tenant_id, user_id)}
        return self.sign({"sub": user_id, "permissions": permissions.split(","), **claims})

    def sign(self, claims):
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.audience, "iat": now, "exp": now + 3600, **claims}
        parts = [{"alg": "RS256", "typ": "JWT", "kid": self.kid}, claims]
        signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64url(signature)}"


def membership_id(tenant_id, user_id):
    """The one that follows from the two: a UUIDv8 from a hash over them."""
    text = b"membership" + uuid.UUID(tenant_id).bytes + uuid.UUID(user_id).bytes
    hashed = bytearray(hashlib.sha256(text).digest()[:16])
    hashed[6], hashed[8] = hashed[6] & 0x0F | 0x80, hashed[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(hashed)))


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Subscription:
    """A queue behind a rule on the bus: what a subscriber receives, in the order in which it came."""

    def __init__(self, emulator, bus, name, pattern):
        events, self.sqs = emulator.client("events"), emulator.client("sqs")
        self.queue = self.sqs.create_queue(QueueName=f"{STACK}-{name}")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        events.put_rule(Name=f"{STACK}-{name}", EventBusName=bus, EventPattern=json.dumps(pattern))
        target = {"Id": name, "Arn": attributes["Attributes"]["QueueArn"]}
        events.put_targets(Rule=f"{STACK}-{name}", EventBusName=bus, Targets=[target])
        self.received, self.lock = [], threading.Lock()

    def events(self):
        """Everything that has come so far."""
        with self.lock:
            while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    self.received.append(json.loads(message["Body"]))
                    self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            return list(self.received)


class Pool:
    """The user pool, in the place of a front end: people choose a password and sign in with it."""

    def __init__(self, emulator, stack):
        self.client = emulator.client("cognito-idp")
        self.pool, self.app = stack.outputs["UserPoolId"], stack.outputs["UserPoolClientId"]
        described = self.client.describe_user_pool_client(UserPoolId=self.pool, ClientId=self.app)["UserPoolClient"]
        flows = [*described["ExplicitAuthFlows"], "ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        self.client.update_user_pool_client(UserPoolId=self.pool, ClientId=self.app, ExplicitAuthFlows=flows)
        keys = f"http://localhost:{emulator.port}/{self.pool}/.well-known/jwks.json"
        functions = emulator.client("lambda")
        for name in stack.functions.values():
            variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            if issuers := json.loads(variables.get("POOL_ISSUERS") or "[]"):
                told = [{**issuer, "jwksUri": keys} for issuer in issuers]
                variables["POOL_ISSUERS"] = json.dumps(told)
                functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def sign_in(self, query):
        (email,) = query["email"]
        users = self.client.list_users(UserPoolId=self.pool, Filter=f'email = "{email}"')["Users"]
        if len(users) != 1:
            return None
        name, password = users[0]["Username"], f"aA1!{secrets.token_urlsafe(12)}"
        self.client.admin_set_user_password(UserPoolId=self.pool, Username=name, Password=password, Permanent=True)
        return self.authenticate("ADMIN_USER_PASSWORD_AUTH", {"USERNAME": name, "PASSWORD": password})

    def renew(self, query):
        (token,) = query["refreshToken"]
        return self.authenticate("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": token})

    def authenticate(self, flow, parameters):
        try:
            answer = self.client.admin_initiate_auth(
                UserPoolId=self.pool, ClientId=self.app, AuthFlow=flow, AuthParameters=parameters
            )
        except self.client.exceptions.NotAuthorizedException:
            return None
        result = answer["AuthenticationResult"]
        return {"accessToken": result["AccessToken"], "refreshToken": result.get("RefreshToken")}


class Desk(http.server.ThreadingHTTPServer):
    """The API at `/`, and at `/local` what the local product serves there: mail, events, tokens."""

    daemon_threads = True
    # Fifty callers at once wait in line here, not in the kernel's default of five.
    request_queue_size = 128

    def __init__(self, emulator):
        super().__init__(("127.0.0.1", 0), DeskHandler)
        self.url = f"http://localhost:{self.server_address[1]}"
        self.emulator, self.issuer = emulator, Issuer(f"{self.url}/local/issuer")
        self.api_path, self.bus, self.events = None, None, None
        self.preflight_function, self.provisioning_function, self.pool = None, None, None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def mails(self):
        _, _, body = self.emulator.get("/_ministack/ses/messages")
        return [
            {
                "id": mail["MessageId"],
                "to": to,
                "subject": mail["Subject"],
                "text": mail["BodyText"],
                "html": mail["BodyHtml"],
                "sentAt": mail["Timestamp"],
            }
            for mails in json.loads(body)["messages"].values()
            for mail in mails
            for to in mail["To"]
        ]


class DeskHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One small answer after another: waiting to fill a packet would cost 40 ms each.
    disable_nagle_algorithm = True

    def answer_any(self):
        url = urllib.parse.urlsplit(self.path)
        answers = {
            "/local/mailbox": lambda: {"items": self.server.mails()},
            "/local/events": lambda: {"items": self.server.events.events()},
            "/local/token": lambda: self.token(urllib.parse.parse_qs(url.query)),
            "/local/issuer/jwks.json": self.server.issuer.jwks,
            "/local/pool/sign-in": lambda: self.server.pool.sign_in(urllib.parse.parse_qs(url.query)),
            "/local/pool/renew": lambda: self.server.pool.renew(urllib.parse.parse_qs(url.query)),
        }
        try:
            if self.headers.get("transfer-encoding"):
                self.reply(411, [], b"")
            elif url.path == "/local/events" and self.command == "POST":
                self.publish(json.loads(self.rfile.read(int(self.headers.get("content-length") or 0))))
            elif url.path == "/local/tasks" and self.command == "POST":
                self.carry_out(self.rfile.read(int(self.headers.get("content-length") or 0)))
            elif url.path in answers and self.command == "GET":
                body = answers[url.path]()
                self.reply(200 if body else 400, [("content-type", "application/json")], json.dumps(body).encode())
            elif self.command == "OPTIONS":
                self.preflight(url)
            else:
                self.forward()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = answer_any

    def publish(self, event):
        """Says something over the bus that application planes share with the product."""
        entry = {
            "EventBusName": self.server.bus,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        (result,) = self.server.emulator.client("events").put_events(Entries=[entry])["Entries"]
        self.reply(202, [("content-type", "application/json")], json.dumps({"id": result["EventId"]}).encode())

    def carry_out(self, task):
        """Has the function do what a schedule asks of it, and waits for it."""
        client = self.server.emulator.client("lambda")
        invoked = client.invoke(FunctionName=self.server.provisioning_function, Payload=task)
        failure = invoked["Payload"].read() if invoked.get("FunctionError") else b""
        self.reply(500 if failure else 204, [], failure)

    def token(self, query):
        issuer = self.server.issuer
        tokens = {
            "operator": issuer.operator_token,
            "member": lambda: issuer.member_token(query),
            "scraper": lambda: SCRAPE_TOKEN,
        }
        (who,) = query.get("as") or [""]
        return {"token": tokens[who]()} if who in tokens else None

    def forward(self):
        """Passes the request on to the API, which the emulator serves below a path of its own."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        try:
            self.reply(*self.server.emulator.send(self.command, self.server.api_path + self.path, headers, body or None))
        except (OSError, http.client.HTTPException) as error:
            self.reply(502, [("content-type", "text/plain")], f"the emulator did not answer: {error}".encode())

    def preflight(self, url):
        event = json.loads((ROOT / "infra/samples/site.json").read_text())
        route = "OPTIONS /{proxy+}"
        event.update(routeKey=route, rawPath=url.path, rawQueryString=url.query)
        event["headers"] = {name.lower(): value for name, value in self.headers.items()}
        event["requestContext"]["routeKey"] = route
        event["requestContext"]["http"].update(method="OPTIONS", path=url.path)
        client = self.server.emulator.client("lambda")
        invoked = client.invoke(FunctionName=self.server.preflight_function, Payload=json.dumps(event))
        answer = json.load(invoked["Payload"])
        self.reply(answer["statusCode"], answer["headers"].items(), answer.get("body", "").encode())

    def reply(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


# --- The stack -------------------------------------------------------------------------------------------------------------


def prebuilt(functions, folder):
    """A copy of the template whose functions are archives, as `sam build` would leave it; nothing else is touched."""
    lines, binary, built = [], None, 0
    for line in (ROOT / "template.yaml").read_text().splitlines(keepends=True):
        if found := re.fullmatch(r"\s+Binary: (\w+)\n", line):
            binary = found[1]
        if found := re.fullmatch(r"(\s+CodeUri: )\.\n", line):
            archive = functions / binary / "bootstrap.zip"
            if not archive.is_file():
                raise Failure(f"{archive} does not exist: build the functions first")
            line, built = f"{found[1]}{json.dumps(str(archive))}\n", built + 1
        lines.append(line)
    if not built:
        raise Failure("template.yaml has no function with `CodeUri: .`")
    template = folder / "template.yaml"
    template.write_text("".join(lines))
    return template


def deploy(emulator, desk, args, folder):
    """What a user does with `sam deploy`, under the settings of samconfig.toml."""
    parameters = {
        "Stage": "emulated",
        "DeletionProtection": "false",
        "LogLevel": "INFO",
        "ApiUrl": desk.url,
        "FrontendUrl": "http://localhost:5173/verify",
        "InvitationUrl": "http://localhost:5173/invitation",
        "CorsOrigins": "http://localhost:5173",
        "Issuers": json.dumps([desk.issuer.description()], separators=(",", ":")),
        # The emulator says of every caller that it is 127.0.0.1, so all of them share one limit.
        "PublicRatePerMinute": "1000",
        "MailFrom": f"no-reply@{MAIL_IDENTITY}",
        "MailIdentity": MAIL_IDENTITY,
        "EventSource": SOURCE,
        "MetricsTokenSha256": hashlib.sha256(SCRAPE_TOKEN.encode()).hexdigest(),
        # The emulator's CloudFormation knows neither AWS::Events::Archive nor alarms on metric math.
        "EventArchiveDays": "0",
        "Alarms": "false",
        "CreateUserPool": "true",
    }
    # Quoted once more for SAM's own parser, as in samconfig.toml.
    overrides = [f"{name}={json.dumps(value)}" for name, value in parameters.items()]
    command = [
        args.sam, "deploy",
        "--template-file", str(prebuilt(args.functions, folder)),
        "--config-file", str(ROOT / "samconfig.toml"),
        "--stack-name", STACK,
        "--s3-prefix", STACK,
        "--region", REGION,
        "--no-confirm-changeset",
        "--no-progressbar",
        "--parameter-overrides", *overrides,
    ]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SAM_CLI_TELEMETRY": "0",
    }
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=DEPLOY_SECONDS,
    )
    if result.returncode:
        log = tail(emulator.log_path.read_text(errors="replace"))
        raise Failure(f"sam deploy failed:\n{tail(result.stdout)}\n  the emulator's log:\n{log}")


class Stack:
    """The deployed stack's resources."""

    def __init__(self, emulator):
        self.emulator = emulator
        cloudformation = emulator.client("cloudformation")
        resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
        self.functions = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in resources
            if each["ResourceType"] == "AWS::Lambda::Function"
        }
        outputs = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in outputs}
        # Transformed by the emulator, with AWS's own aws-sam-translator.
        self.template = cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]

    def create_routes(self):
        """Makes the routes that the API's definition describes; answers them with their functions."""
        gateway, api_id = self.emulator.client("apigatewayv2"), self.outputs["HttpApiId"]
        definition = self.template["Resources"]["HttpApi"]["Properties"]["Body"]
        routes, integrations = {}, {}
        for path, operations in definition["paths"].items():
            for method, operation in operations.items():
                if operation.get("security"):
                    raise Failure(f"{method} {path} has an authorizer, which this script does not create")
                integration = operation["x-amazon-apigateway-integration"]
                # `…:function/${LeadsFunction.Arn}/invocations`, still unresolved.
                (logical,) = re.findall(r"\$\{(\w+)\.Arn\}", json.dumps(integration["uri"]))
                if logical not in integrations:
                    integrations[logical] = gateway.create_integration(
                        ApiId=api_id,
                        IntegrationType="AWS_PROXY",
                        IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.functions[logical]}",
                        PayloadFormatVersion=integration["payloadFormatVersion"],
                    )["IntegrationId"]
                target = f"integrations/{integrations[logical]}"
                gateway.create_route(ApiId=api_id, RouteKey=f"{method.upper()} {path}", Target=target)
                routes[method.upper(), path] = self.functions[logical]
        return routes

    def create_archive(self):
        """Makes the archive as the template describes it; answers its name."""
        pattern = json.dumps(self.template["Resources"]["EventArchive"]["Properties"]["EventPattern"])
        self.emulator.client("events").create_archive(
            ArchiveName=STACK,
            EventSourceArn=self.outputs["EventBusArn"],
            EventPattern=pattern.replace('{"Ref": "EventSource"}', json.dumps(SOURCE)),
        )
        return STACK

    def logs(self):
        """What the functions wrote last."""
        logs, text = self.emulator.client("logs"), []
        for logical, group in sorted(self.physical.items()):
            if not group.startswith("/aws/lambda/"):
                continue
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            lines = [event["message"] for page in pages for event in page["events"]]
            # The platform's own lines would push out the functions'.
            lines = [line for line in lines if not re.match(r"(START|END|REPORT) RequestId", line)]
            text.append(f"  {logical}:\n{tail(chr(10).join(lines), 40)}")
        return "\n".join(text)


# --- Checks ----------------------------------------------------------------------------------------------------------------


def check_routes(routes):
    document = json.loads((ROOT / "infra/openapi/openapi.json").read_text())
    wanted = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method in HTTP_METHODS
    }
    # Preflight requests are answered for every path, and belong to no operation.
    wanted.add(("OPTIONS", "/{proxy+}"))
    if wanted != routes.keys():
        raise Failure(f"the API has the routes {sorted(routes)}, and should have {sorted(wanted)}")
    return f"{len(routes)} routes"


def check_master_key(stack):
    """Where the functions have their keys from: two of them do without, because they seal nothing."""
    client, without = stack.emulator.client("lambda"), []
    for logical, name in stack.functions.items():
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        if "TENANTRY_MASTER_KEY" in variables:
            raise Failure(f"{logical} has a plain-text master key")
        if "MASTER_KEY_SECRET_ARN" not in variables:
            without.append(logical)
        elif variables["MASTER_KEY_SECRET_ARN"] != stack.outputs["MasterKeySecretArn"]:
            raise Failure(f"{logical} reads the secret {variables['MASTER_KEY_SECRET_ARN']}")
    if sorted(without) != ["SiteFunction", "TokensFunction"]:
        raise Failure(f"without a secret are {without}, and should be SiteFunction and TokensFunction")
    return "the key ring comes from Secrets Manager"


def check_deliveries(stack):
    """What the journeys left in the outbox goes out by itself."""
    outbox = Outbox(stack)
    records = outbox.inserts()
    eventually("the last messages to go out", lambda: not outbox.undelivered(records))
    return f"all {len(records)} messages were delivered"


def check_orders(desk, orders):
    """The rule of an application plane brought it what it asked for, and nothing else."""
    wanted = [event for event in desk.events.events() if event["detail-type"] in ORDERS["detail-type"]]
    if not wanted:
        raise Failure("no tenant was to be provisioned: did the command run the journeys?")

    def ids(events):
        return sorted(event["detail"]["id"] for event in events)

    eventually("the application plane's events", lambda: ids(orders.events()) == ids(wanted))
    return f"the application plane's rule brought it its {len(wanted)} events of {len(desk.events.events())}"


def check_archive(stack, archive, desk):
    """Everything can be replayed but what carries a secret."""
    kept = [event for event in desk.events.events() if event["detail-type"] not in ORDERS["detail-type"]]
    count = stack.emulator.client("events").describe_archive(ArchiveName=archive)["EventCount"]
    if count != len(kept):
        raise Failure(f"the archive has {count} events, and should have {len(kept)}")
    return f"the archive has the {count} others"


class Outbox:
    """The outbox of the deployed table, as its stream shows it."""

    def __init__(self, stack):
        self.stack = stack
        self.table, self.streams = stack.emulator.client("dynamodb"), stack.emulator.client("dynamodbstreams")
        self.seen = len(self.inserts())

    def inserts(self):
        """The records of new messages, in the form in which Lambda gets them."""
        arn = self.stack.outputs["TableStreamArn"]
        records = []
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = self.streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = self.streams.get_records(ShardIterator=iterator)
                records.extend(page["Records"])
                # An open shard has a next page for ever.
                iterator = page.get("NextShardIterator") if page["Records"] else None
        for record in records:
            record["eventSourceARN"] = arn
        records = json.loads(json.dumps(records, default=as_lambda_does))
        return [
            record
            for record in records
            if record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["pk"]["S"].startswith("OUTBOX#")
        ]

    def new(self):
        """Those that came since the beginning, or since the last call that found some."""
        records = self.inserts()[self.seen :]
        self.seen += len(records)
        return records

    def undelivered(self, records):
        """Those whose message waits to be delivered."""

        def waits(record):
            item = self.table.get_item(TableName=self.stack.outputs["TableName"], Key=record["dynamodb"]["Keys"])
            return "gsi2pk" in item["Item"]

        return [record for record in records if waits(record)]


def as_lambda_does(value):
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return base64.b64encode(value).decode()


def sign_up(desk):
    """A new lead: one event and one mail. Answers id and address."""
    address = f"lead-{secrets.token_hex(5)}@acme.example"
    lead = {"firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": address}
    status, _, body = desk.emulator.send(
        "POST", f"{desk.api_path}/leads", {"content-type": "application/json", "host": "localhost"}, json.dumps(lead)
    )
    if status != 201:
        raise Failure(f"the lead was refused: {status} {body}")
    return json.loads(body)["id"], address


def check_partial_failure(stack, desk):
    """A mail that SES refuses comes again, and takes nothing of its batch with it."""
    ses, client = stack.emulator.client("sesv2"), stack.emulator.client("lambda")
    outbox = Outbox(stack)

    def relay(records):
        answer = client.invoke(FunctionName=stack.functions["RelayFunction"], Payload=json.dumps({"Records": records}))
        result = json.load(answer["Payload"])
        if answer.get("FunctionError"):
            raise Failure(f"the relay failed: {result}")
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def told():
        events = [event for event in desk.events.events() if event["detail"]["subject"] == lead_id]
        return len(events), len([mail for mail in desk.mails() if mail["to"] == address])

    ses.delete_email_identity(EmailIdentity=MAIL_IDENTITY)
    lead_id, address = sign_up(desk)
    records = outbox.new()

    def left_over():
        waiting = outbox.undelivered(records)
        return waiting if len(waiting) < len(records) else None

    mails = eventually("the event without its mail", left_over)
    sequence_numbers = [record["dynamodb"]["SequenceNumber"] for record in mails]
    if len(records) != 2 or len(mails) != 1 or told() != (1, 0):
        raise Failure(f"of {len(records)} messages {len(mails)} wait, and events and mails are {told()}")
    if (failures := relay(records)) != sequence_numbers:
        raise Failure(f"the relay reported {failures} instead of {sequence_numbers}")

    ses.create_email_identity(EmailIdentity=MAIL_IDENTITY)
    # What the stream's event source does with the answer, on AWS.
    if (failures := relay(records)) or outbox.undelivered(records):
        raise Failure(f"the mail was not delivered when it came again: {failures}")
    eventually("the mail", lambda: told() == (1, 1))
    return "a mail that SES refused came again, alone"


def check_dead_letters(stack, desk):
    """What the relay cannot take is given up after a while, reported, and still there."""
    client, sqs = stack.emulator.client("lambda"), stack.emulator.client("sqs")
    relay, queue = stack.functions["RelayFunction"], stack.outputs["RelayDeadLettersUrl"]
    outbox = Outbox(stack)
    if early := sqs.receive_message(QueueUrl=queue).get("Messages"):
        raise Failure(f"the journeys left dead letters: {early}")
    (source,) = client.list_event_source_mappings(FunctionName=relay)["EventSourceMappings"]

    # An hour is the template's; AWS takes no less than a minute, the emulator does.
    client.update_event_source_mapping(UUID=source["UUID"], MaximumRecordAgeInSeconds=1)
    client.put_function_concurrency(FunctionName=relay, ReservedConcurrentExecutions=0)
    sign_up(desk)
    records = outbox.new()
    (letter,) = eventually("a dead letter", lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))

    batch = json.loads(letter["Body"])["DDBStreamBatchInfo"]
    places = [record["dynamodb"]["SequenceNumber"] for record in records]
    named = [batch["streamArn"], batch["startSequenceNumber"], batch["endSequenceNumber"]]
    if named != [stack.outputs["TableStreamArn"], places[0], places[-1]]:
        raise Failure(f"the dead letter names {named}, and the messages are at {places}")
    if outbox.undelivered(records) != records:
        raise Failure("what was given up does not wait in the outbox")
    return "what could not be delivered is in the dead-letter queue"


# --- Running it ------------------------------------------------------------------------------------------------------------


def run(args, emulator, desk, folder):
    started = time.monotonic()
    deploy(emulator, desk, args, folder)
    stack = Stack(emulator)
    routes = stack.create_routes()
    checked = [check_routes(routes), check_master_key(stack)]
    desk.api_path = f"/_aws/execute-api/{stack.outputs['HttpApiId']}/$default"
    desk.preflight_function = routes["OPTIONS", "/{proxy+}"]
    desk.provisioning_function = stack.functions["ProvisioningFunction"]
    desk.pool = Pool(emulator, stack)
    emulator.client("sesv2").create_email_identity(EmailIdentity=MAIL_IDENTITY)
    bus = stack.outputs["EventBusName"]
    desk.bus = bus
    desk.events = Subscription(emulator, bus, "desk", {"source": [SOURCE]})
    orders = Subscription(emulator, bus, "orders", ORDERS)
    archive = stack.create_archive()
    say(f"deployed in {time.monotonic() - started:.0f} s: {'; '.join(checked)}")
    try:
        environment = {**os.environ, "BASE_URL": desk.url, "DESK_URL": f"{desk.url}/local"}
        status = subprocess.run(args.command, env=environment, stdin=subprocess.DEVNULL).returncode
        if status:
            raise Failure(f"the command ended with status {status}")
        say(check_deliveries(stack))
        say(check_orders(desk, orders))
        say(check_archive(stack, archive, desk))
        say(check_partial_failure(stack, desk))
        say(check_dead_letters(stack, desk))
    except Failure as failure:
        log = tail(emulator.log_path.read_text(errors="replace"))
        raise Failure(f"{failure}\n  the functions' logs:\n{stack.logs()}\n  the emulator's log:\n{log}") from None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--sam", required=True, metavar="FILE")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    args = parser.parse_args()
    args.functions = args.functions.resolve()
    return args


def main():
    # A terminated script still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="tenantry-emulated-", ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        emulator = Emulator(folder, **STRICT)
        try:
            run(args, emulator, Desk(emulator), folder)
        finally:
            emulator.end()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
