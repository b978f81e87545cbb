"""An OPC UA server made with asyncua for the connector tests.

It prints "ready" when it listens and then obeys lines on its standard input:
  write <rounds> <seconds>   writes every tag once per round and prints "written <rounds>"
  revoke                     takes the server's certificate back: its authority writes a new list
  subscriptions              prints how many subscriptions and sessions it holds
  quit                       ends it
Every write is counted: tag number and value are derived from the round, so that the test can tell
exactly which notifications it must have seen. "overflow" in the log line is the server's own count.
"""

import argparse
import asyncio
import datetime
import sys
from pathlib import Path

import authority
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography.x509.oid import ExtendedKeyUsageOID

URI = "urn:optria:test:asyncua"
PLANT = "urn:optria:test:plant"


class Users:
    """One user with a password; a certificate counts when no user name is given."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if username is not None:
            is_right = username == "operator" and password == "correct horse"
            return User(role=UserRole.User, name=username) if is_right else None
        return User(role=UserRole.User)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--certificate", default="server", help="name of the key pair; another name renews it")
    parser.add_argument("--tags", type=int, default=3)
    parser.add_argument("--issued", action="store_true", help="certificate from an authority, not self-signed")
    parser.add_argument("--host", default="127.0.0.1", help="address in an issued certificate")
    parser.add_argument("--before", default="", help="namespaces registered before the plant's")
    parser.add_argument("--trusted-clients", type=Path, help="folder of client certificates that are let in")
    parser.add_argument("--no-subscriptions", action="store_true")
    parser.add_argument("--max-per-call", type=int, default=0)
    return parser.parse_args()


async def secure(server, args):
    key = args.dir / f"{args.certificate}.key.pem"
    certificate = args.dir / f"{args.certificate}.der"
    if args.issued:
        authority.issue(args.dir, key, certificate, URI, args.host)
    else:
        await setup_self_signed_certificate(
            key, certificate, URI, "localhost",
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
            {"countryName": "SA", "organizationName": "Test", "commonName": f"asyncua {args.certificate}"},
        )
    await server.load_certificate(str(certificate))
    await server.load_private_key(str(key))
    kinds = ua.SecurityPolicyType
    server.set_security_policy([
        kinds.NoSecurity,
        kinds.Basic256Sha256_Sign, kinds.Basic256Sha256_SignAndEncrypt,
        kinds.Aes128Sha256RsaOaep_Sign, kinds.Aes128Sha256RsaOaep_SignAndEncrypt,
        kinds.Aes256Sha256RsaPss_Sign, kinds.Aes256Sha256RsaPss_SignAndEncrypt,
    ])
    server.set_identity_tokens(
        [ua.AnonymousIdentityToken, ua.UserNameIdentityToken, ua.X509IdentityToken]
    )
    if args.trusted_clients:
        store = TrustStore([args.trusted_clients], [])
        await store.load()
        options = CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
        server.set_certificate_validator(CertificateValidator(options, store))


async def build(server, args):
    for uri in filter(None, args.before.split(",")):
        await server.register_namespace(uri)
    index = await server.register_namespace(PLANT)
    folder = await server.nodes.objects.add_folder(ua.NodeId("Plant", index), "Plant")
    tags = []
    for number in range(args.tags):
        node = await folder.add_variable(
            ua.NodeId(f"T{number:05}", index), f"T{number:05}", 0.0, ua.VariantType.Double
        )
        tags.append(node.nodeid)
    text = await folder.add_variable(ua.NodeId("Text", index), "Text", "running")
    state = ua.DataValue(ua.Variant(4.5, ua.VariantType.Double), ua.StatusCode(0x40930000))
    unsure = await folder.add_variable(ua.NodeId("Unsure", index), "Unsure", 0.0)
    await server.write_attribute_value(unsure.nodeid, state)
    await text.set_read_only()
    return tags


async def limit_calls(server, limit):
    for identifier in (11705, 11710, 11714):
        await server.get_node(ua.NodeId(identifier)).write_value(ua.Variant(limit, ua.VariantType.UInt32))


def refuse_subscriptions():
    from asyncua.server.internal_session import InternalSession

    async def refuse(self, *arguments, **named):
        raise ua.UaStatusCodeError(ua.StatusCodes.BadServiceUnsupported)

    InternalSession.create_subscription = refuse


async def write(server, tags, rounds, seconds):
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(1, rounds + 1):
        stamp = datetime.datetime.now(datetime.timezone.utc)
        for nodeid in tags:
            value = ua.DataValue(
                ua.Variant(float(number), ua.VariantType.Double), SourceTimestamp=stamp, ServerTimestamp=stamp
            )
            await server.write_attribute_value(nodeid, value)
        await asyncio.sleep(max(0.0, start + number * seconds - loop.time()))
    print(f"written {rounds}", flush=True)


async def commands(server, tags, args):
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        if line[0] == "write":
            await write(server, tags, int(line[1]), float(line[2]))
        elif line[0] == "revoke":
            authority.revoke(args.dir, args.dir / f"{args.certificate}.der")
            print("revoked", flush=True)
        elif line[0] == "subscriptions":
            service = server.iserver.subscription_service
            print(f"subscriptions {len(service.subscriptions)}", flush=True)
        elif line[0] == "quit":
            return


async def main():
    args = arguments()
    args.dir.mkdir(parents=True, exist_ok=True)
    if args.no_subscriptions:
        refuse_subscriptions()
    server = Server(user_manager=Users())
    await server.init()
    await server.set_application_uri(URI)
    server.set_endpoint(f"opc.tcp://127.0.0.1:{args.port}/ua/")
    await secure(server, args)
    tags = await build(server, args)
    if args.max_per_call:
        await limit_calls(server, args.max_per_call)
    async with server:
        print("ready", flush=True)
        await commands(server, tags, args)


asyncio.run(main())
