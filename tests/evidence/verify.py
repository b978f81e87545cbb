#!/usr/bin/env python3
"""A verifier of evidence files that shares no code with the others: the standard library alone.

    verify.py [--trust KEYS] FILE...     one line of JSON per file

The exit code is that of the worst file by its number: 0 verified and cosigned, 1 the appliance's
signature alone, 2 tampered, 3 incomplete, 4 malformed, 5 unknown key. Each step is described in
docs/guides/evidence-format.md.
"""

import base64
import binascii
import hashlib
import json
import re
import sys

MAGIC = b"optria-evidence/1\n"
MAX_FILE = 256 << 20
MAX_INT = (1 << 53) - 1
MAX_DEPTH = 16
MAX_VALUES = 4_000_000
MAX_KEYS = 64
MAX_LINES = 64
VERSION = 1

VERDICTS = ["cosigned", "signed_only", "tampered", "incomplete", "malformed", "unknown_key"]
EXITS = {
    "verified": 0,
    **dict.fromkeys(["appliance_only", "cosigner_unknown", "unprotected_range"], 1),
    **dict.fromkeys(
        ["record_missing", "export_missing", "window_missing", "document_missing"]
        + ["personal_missing", "no_signature"],
        3,
    ),
    **dict.fromkeys(
        ["not_evidence", "too_large", "truncated", "not_canonical", "malformed"]
        + ["trailing_bytes", "version"],
        4,
    ),
    "key_unknown": 5,
}


class Broken(Exception):
    """Bytes that are not what the format says."""


class Finding(Exception):
    """The end of a check: the reason, and where."""

    def __init__(self, reason, part, n=None):
        super().__init__(reason)
        self.reason, self.part, self.n = reason, part, n


# ---------------------------------------------------------------- Ed25519 (RFC 8032, strict)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)


def decode_point(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number % 2**255 % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x + u) % P == 0:
        x = x * I % P
    elif (v * x * x - u) % P != 0:
        return None
    if x % 2 != sign:
        x = -x % P
    return (x, y, 1, x * y % P)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * D * p[3] * q[3] % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode_point(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def is_small_order(point):
    x, y, z, _ = multiply(8, point)
    return x % P == 0 and (y - z) % P == 0


BASE = decode_point(bytes([0x58] + [0x66] * 31))


def is_signed(key, message, signature):
    if len(signature) != 64:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    a_point, r_point = decode_point(key), decode_point(r)
    if s >= L or a_point is None or r_point is None:
        return False
    if is_small_order(a_point) or is_small_order(r_point):
        return False
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    x, y, z, t = multiply(k, a_point)
    return encode_point(add(multiply(s, BASE), (-x % P, y, z, -t % P))) == r


# ---------------------------------------------------------------- CBOR, one form only


class Reader:
    def __init__(self, data):
        self.data, self.at, self.left = data, 0, MAX_VALUES

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Broken("truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def argument(self, first):
        short = first & 31
        if short < 24:
            return short
        if short == 31:
            raise Broken("not_canonical")
        if short > 27:
            raise Broken("malformed")
        size = 1 << (short - 24)
        number = int.from_bytes(self.take(size), "big")
        if number < {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[size]:
            raise Broken("not_canonical")
        if number > MAX_INT:
            raise Broken("malformed")
        return number

    def length(self, first, least):
        count = self.argument(first)
        if count > (len(self.data) - self.at) // least:
            raise Broken("truncated")
        return count

    def value(self, depth=0):
        if depth > MAX_DEPTH or self.left == 0:
            raise Broken("malformed")
        self.left -= 1
        first = self.take(1)[0]
        major = first >> 5
        if major == 0:
            return self.argument(first)
        if major == 1:
            return -1 - self.argument(first)
        if major == 2:
            return self.take(self.length(first, 1))
        if major == 3:
            try:
                return self.take(self.length(first, 1)).decode("utf-8")
            except UnicodeDecodeError:
                raise Broken("malformed") from None
        if major == 4:
            return [self.value(depth + 1) for _ in range(self.length(first, 1))]
        if major == 5:
            return self.map(self.length(first, 2), depth)
        if first in (0xF4, 0xF5, 0xF6):
            return {0xF4: False, 0xF5: True, 0xF6: None}[first]
        raise Broken("malformed")

    def map(self, count, depth):
        entries, last = {}, -1
        for _ in range(count):
            first = self.take(1)[0]
            if first >> 5 != 0:
                raise Broken("malformed")
            key = self.argument(first)
            if key <= last:
                raise Broken("not_canonical")
            last = key
            entries[key] = self.value(depth + 1)
        return entries


def decode(data):
    reader = Reader(data)
    value = reader.value()
    if reader.at != len(data):
        raise Broken("trailing_bytes")
    return value


def must(condition):
    if not condition:
        raise Broken("malformed")


def integer(value, low=-MAX_INT - 1, high=MAX_INT):
    must(type(value) is int and low <= value <= high)
    return value


def binary(value, length=None):
    must(type(value) is bytes and length in (None, len(value)))
    return value


def typed(value, kind):
    must(type(value) is kind)
    return value


def row(value, length):
    must(type(value) is list and len(value) == length)
    return value


def dense(value, first, last):
    must(type(value) is dict and list(value) == list(range(first, last + 1)))
    return value


# ---------------------------------------------------------------- the parts of a file


def versioned(data):
    value = decode(data)
    version = value.get(1) if type(value) is dict else None
    must(type(version) is int)
    if version != VERSION:
        raise Broken("version")
    return value


def log_of(fields):
    ids = [binary(fields[key], 16) for key in (2, 3, 4)]
    return (*ids, integer(fields[5], 1, 6))


class Record:
    def __init__(self, data):
        f = dense(versioned(data), 1, 17)
        self.log, self.seq, self.prev = log_of(f), integer(f[6], 1), binary(f[7], 32)
        self.kind = typed(f[8], str)
        must(self.kind != "")
        integer(f[9], 0, 2**32 - 1)
        integer(f[10])
        integer(f[11])
        binary(f[12], 16)
        integer(f[13], 0)
        typed(f[14], str)
        integer(f[15], 0, 2)
        self.actor = None if f[16] is None else binary(f[16], 32)
        self.body = typed(f[17], dict)
        self.is_demo = integer(self.body.get(0), 0, 1) == 1

    def binds(self, data):
        return self.body.get(1) == hashlib.sha256(data).digest()


class Manifest:
    def __init__(self, data):
        f = dense(versioned(data), 1, 16)
        self.log = log_of(f)
        incident = dense(f[6], 1, 4)
        binary(incident[1], 16)
        self.incident = typed(incident[2], str)
        self.window = (integer(incident[3]), integer(incident[4]))
        self.is_demo = typed(f[7], bool)
        integer(f[8])
        typed(f[9], str)
        self.records = [integer(seq, 1) for seq in typed(f[10], list)]
        self.windows = [integer(seq, 1) for seq in typed(f[11], list)]
        for version in typed(f[12], list):
            *words, seq = row(version, 4)
            for word in words:
                typed(word, str)
            must(seq is None or integer(seq, 1))
        self.omissions = []
        for omission in typed(f[13], list):
            what, why, count = row(omission, 3)
            names = (typed(what, str), typed(why, str), integer(count, 0))
            self.omissions.append(dict(zip(("what", "why", "count"), names)))
        self.documents = []
        for document in typed(f[14], list):
            name, media, digest, is_derived = row(document, 4)
            typed(name, str), typed(media, str), typed(is_derived, bool)
            self.documents.append(binary(digest, 32))
        self.personal = []
        for entry in typed(f[15], list):
            seq, field = row(entry, 2)
            self.personal.append((integer(seq, 1), integer(field, 0)))
        self.keys = []
        for key in typed(f[16], list):
            role, name, data = row(key, 3)
            self.keys.append((typed(role, str), typed(name, str), binary(data, 32)))
        must(all(a < b for a, b in zip(self.records, self.records[1:])))
        must(len(self.keys) <= MAX_KEYS)


def hashes(value):
    return [binary(item, 32) for item in typed(value, list)]


class Bundle:
    def __init__(self, file):
        f = dense(decode(file[len(MAGIC) : max(len(MAGIC), len(file) - 32)]), 1, 7)
        self.manifest = binary(f[1])
        self.entries = []
        for entry in typed(f[2], list):
            data, proof = row(entry, 2)
            self.entries.append((binary(data), hashes(proof)))
        self.checkpoint = typed(f[3], str)
        self.cosigned = None
        if f[4] is not None:
            note, proof = row(f[4], 2)
            self.cosigned = (typed(note, str), hashes(proof))
        self.windows = [binary(data) for data in typed(f[5], list)]
        self.personal = []
        for entry in typed(f[6], list):
            seq, field, salt, value = row(entry, 4)
            self.personal.append(
                (integer(seq, 1), integer(field, 0), binary(salt, 16), typed(value, str))
            )
        self.documents = [binary(data) for data in typed(f[7], list)]


# ---------------------------------------------------------------- checkpoints and keys

NAME = re.compile(r"[!-*,-~]+")


def strict_base64(text):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def number(text):
    must(re.fullmatch(r"0|[1-9][0-9]{0,15}", text, re.ASCII) and int(text) <= MAX_INT)
    return int(text)


def digest(text):
    data = strict_base64(text)
    must(data is not None and len(data) == 32)
    return data


class Note:
    def __init__(self, note):
        body, gap, lines = note.partition("\n\n")
        must(gap and lines.endswith("\n"))
        lines = lines[:-1].split("\n")
        must(len(lines) <= MAX_LINES)
        rows = body.split("\n")
        must(len(rows) == 4 and NAME.fullmatch(rows[0]))
        words = rows[3].split(" ")
        must(len(words) == 6 and words[0::2] == ["prev", "ts", "boot"])
        must(re.fullmatch(r"[0-9a-f]{32}", words[5]))
        digest(words[1])
        self.text = (body + "\n").encode()
        self.origin, self.size, self.root = rows[0], number(rows[1]), digest(rows[2])
        must(self.size > 0)
        self.at = number(words[3])
        self.lines = [self.line(line) for line in lines]

    @staticmethod
    def line(line):
        must(line.startswith("\u2014 "))
        name, gap, payload = line[2:].partition(" ")
        payload = strict_base64(payload)
        must(gap and NAME.fullmatch(name) and payload is not None and len(payload) >= 4)
        return name, payload[:4], payload[4:]


LOG, COSIGNATURE = b"\x01", b"\x04"


def key_id(name, kind, key):
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]


def is_by(kind, key, text, payload):
    if kind == LOG:
        return is_signed(key, text, payload)
    if len(payload) < 8:
        return False
    seconds = int.from_bytes(payload[:8], "big")
    return is_signed(key, b"cosignature/v1\ntime %d\n" % seconds + text, payload[8:])


def signer(note, line, kind, keys):
    """The key that made the line, False when it should be one of them but is not, else None."""
    name, wanted, payload = line
    answer = None
    for key in keys:
        if key_id(name, kind, key) == wanted:
            if is_by(kind, key, note.text, payload):
                return key
            answer = False
    return answer


def read_trust(text):
    appliances, cosigners = [], []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "appliance":
            owner = tuple(bytes.fromhex(word.replace("-", "")) for word in words[1:3])
            appliances.append((owner, base64.b64decode(words[3], validate=True)))
        elif words[0] == "cosigner":
            cosigners.append((words[1], base64.b64decode(words[2], validate=True)))
        else:
            raise ValueError(line)
    return appliances, cosigners


def rotation(record):
    parts = [record.body.get(key) for key in (1, 2, 3, 4)]
    if [len(part) if type(part) is bytes else -1 for part in parts] != [32, 32, 64, 64]:
        return None
    old, new, by_old, by_new = parts
    message = b"optria-key-rotation-v1\0" + record.log[0] + record.log[1] + old + new
    if is_signed(old, message, by_old) and is_signed(new, message, by_new):
        return old, new
    return None


# ---------------------------------------------------------------- Merkle proofs


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of_path(leaf, index, size, proof):
    """RFC 6962: the root that a path leads to, or None when its length is wrong."""
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    k = 1 << (size - 1).bit_length() - 1
    *rest, top = proof
    if index < k:
        left = root_of_path(leaf, index, k, rest)
        return left and node_hash(left, top)
    right = root_of_path(leaf, index - k, size - k, rest)
    return right and node_hash(top, right)


def roots_of_growth(old, new, proof, old_root, is_whole=True):
    """RFC 6962: old and new root that a consistency proof leads to, or None."""
    if old == new:
        if is_whole:
            return (old_root, old_root) if not proof else None
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    k = 1 << (new - 1).bit_length() - 1
    *rest, top = proof
    if old <= k:
        found = roots_of_growth(old, k, rest, old_root, is_whole)
        return found and (found[0], node_hash(found[1], top))
    found = roots_of_growth(old - k, new - k, rest, old_root, False)
    return found and (node_hash(top, found[0]), node_hash(top, found[1]))


# ---------------------------------------------------------------- the checks, in their order


def at(part, n, read, *arguments):
    try:
        return read(*arguments)
    except Broken as broken:
        raise Finding(str(broken), part, n) from None


class Case:
    def __init__(self, file, facts):
        if len(file) > MAX_FILE:
            raise Finding("too_large", "file")
        if not file.startswith(MAGIC):
            raise Finding("not_evidence", "file")
        self.file = file
        self.bundle = at("file", None, Bundle, file)
        self.manifest = manifest = at("manifest", None, Manifest, self.bundle.manifest)
        tenant, appliance, epoch, _ = manifest.log
        facts.update(
            demo=manifest.is_demo,
            tenant=tenant.hex(),
            appliance=appliance.hex(),
            epoch=epoch.hex(),
            incident=manifest.incident,
            from_ms=manifest.window[0],
            to_ms=manifest.window[1],
            records=len(self.bundle.entries),
            omissions=manifest.omissions,
        )
        entries = enumerate(self.bundle.entries, 1)
        self.records = [at("entry", n, Record, data) for n, (data, _) in entries]
        self.checkpoint = at("checkpoint", None, Note, self.bundle.checkpoint)
        facts.update(size=self.checkpoint.size, checkpoint_ms=self.checkpoint.at)
        self.notes = [("checkpoint", self.checkpoint)]
        if self.bundle.cosigned:
            self.notes.append(("cosigned", at("cosigned", None, Note, self.bundle.cosigned[0])))
        for part in ("window", "document"):
            have = len(getattr(self.bundle, part + "s"))
            named = len(getattr(manifest, part + "s"))
            if have > named:
                raise Finding("malformed", part, named + 1)
        self.by_seq = {record.seq: record for record in self.records}
        self.listed = set(manifest.records)
        last = self.records[-1] if self.records else None
        is_export = last and last.kind == "export" and last.seq not in self.listed
        self.export = last if is_export else None

    def keys(self, trust):
        appliances, cosigners = trust
        named = [key for key in self.manifest.keys if decode_point(key[2])]
        log = [key for owner, key in appliances if owner == self.manifest.log[:2]]
        for record in self.records:
            if record.kind == "key_rotation":
                found = rotation(record)
                if not found:
                    raise Finding("rotation", "record", record.seq)
                if found[0] in log:
                    log.append(found[1])
        named_log = [key for role, _, key in named if role == "appliance"]
        named_cosigners = [(name, key) for role, name, key in named if role == "cosigner"]
        return log, cosigners, named_log, named_cosigners

    @staticmethod
    def signatures(part, note, keys):
        log, cosigners, named_log, named_cosigners = keys
        found = {"has_line": False, "known": None, "unknown": None, "by": [], "strangers": False}
        for line in note.lines:
            name = line[0]
            if name == note.origin:
                found["has_line"] = True
                key = signer(note, line, LOG, log + named_log)
                if key is False:
                    raise Finding("signature", part)
                if key:
                    slot = "known" if key in log else "unknown"
                    found[slot] = found[slot] or key
                continue
            trusted = [key for other, key in cosigners if other == name]
            others = [key for other, key in named_cosigners if other == name]
            key = signer(note, line, COSIGNATURE, trusted + others)
            if key is False:
                raise Finding("cosignature", part)
            if key and key in trusted:
                found["by"].append(name)
            else:
                found["strangers"] = True
        return found

    def check_growth(self):
        if len(self.notes) == 1:
            return
        old, new = self.notes[1][1], self.checkpoint
        if old.size > new.size:
            raise Finding("smaller_size", "cosigned")
        roots = roots_of_growth(old.size, new.size, self.bundle.cosigned[1], old.root)
        if roots != (old.root, new.root):
            raise Finding("inconsistent", "cosigned")

    def check_records(self):
        last_seq, last_leaf = None, None
        for record, (data, proof) in zip(self.records, self.bundle.entries):
            seq, leaf = record.seq, leaf_hash(data)
            ours = self.manifest.log
            names = ("foreign_tenant", "foreign_appliance", "foreign_epoch", "foreign_stream")
            for name, theirs, own in zip(names, record.log, ours):
                if theirs != own:
                    raise Finding(name, "record", seq)
            if last_seq == seq:
                raise Finding("duplicate", "record", seq)
            if last_seq is not None and last_seq > seq:
                raise Finding("order", "record", seq)
            if seq not in self.listed and not (self.export and self.export.seq == seq):
                raise Finding("unlisted", "record", seq)
            if record.is_demo != self.manifest.is_demo:
                raise Finding("origin_mismatch", "record", seq)
            size, root = self.checkpoint.size, self.checkpoint.root
            if seq > size:
                raise Finding("beyond_checkpoint", "record", seq)
            if root_of_path(leaf, seq - 1, size, proof) != root:
                raise Finding("not_in_log", "record", seq)
            if last_seq is not None and last_seq + 1 == seq:
                if record.prev != last_leaf:
                    raise Finding("chain", "record", seq)
            elif seq == 1 and record.prev != bytes(32):
                raise Finding("chain", "record", seq)
            last_seq, last_leaf = seq, leaf

    def check_attachments(self):
        for n, (data, seq) in enumerate(zip(self.bundle.windows, self.manifest.windows), 1):
            record = self.by_seq.get(seq)
            if record and (record.kind != "window" or not record.binds(data)):
                raise Finding("window", "window", n)
        for n, (data, wanted) in enumerate(zip(self.bundle.documents, self.manifest.documents), 1):
            if hashlib.sha256(data).digest() != wanted:
                raise Finding("document", "document", n)
        listed = set(self.manifest.personal)
        for seq, field, salt, value in self.bundle.personal:
            if (seq, field) not in listed:
                raise Finding("personal_unlisted", "record", seq)
            record = self.by_seq.get(seq)
            if record:
                bound = record.actor if field == 0 else record.body.get(field)
                if bound != hashlib.sha256(salt + value.encode()).digest():
                    raise Finding("personal", "record", seq)

    def check_completeness(self):
        for seq in self.manifest.records + self.manifest.windows:
            if seq not in self.by_seq:
                raise Finding("record_missing", "record", seq)
        if not self.export:
            raise Finding("export_missing", "file")
        for part in ("window", "document"):
            have = len(getattr(self.bundle, part + "s"))
            if have < len(getattr(self.manifest, part + "s")):
                raise Finding(part + "_missing", part, have + 1)
        shown = {entry[:2] for entry in self.bundle.personal}
        for entry in self.manifest.personal:
            if entry not in shown:
                raise Finding("personal_missing", "record", entry[0])

    def judge(self, trust, facts):
        tenant, appliance, epoch, stream = self.manifest.log
        short = [hashlib.sha256(part).hexdigest()[:8] for part in (tenant, appliance, epoch)]
        origin = "/".join(["optria.iq", *short, str(stream)])
        for part, note in self.notes:
            if note.origin != origin:
                raise Finding("wrong_origin", part)
        keys = self.keys(trust)
        signed = [(part, note, self.signatures(part, note, keys)) for part, note in self.notes]
        key = signed[0][2]["known"] or signed[0][2]["unknown"]
        facts["signer"] = key and hashlib.sha256(key).hexdigest()[:16]
        self.check_growth()
        if self.export and not self.export.binds(self.bundle.manifest):
            raise Finding("manifest", "manifest")
        self.check_records()
        self.check_attachments()
        if hashlib.sha256(self.file[:-32]).digest() != self.file[-32:]:
            raise Finding("file_digest", "file")
        self.check_completeness()
        for reason, slot in (("no_signature", "has_line"), ("key_unknown", "known")):
            for part, _, found in signed:
                if not found[slot]:
                    raise Finding(reason, part)
        for _, note, found in signed:
            if found["by"]:
                facts["protected_to"] = max(facts["protected_to"] or 0, note.size)
                facts["cosigners"] += [n for n in found["by"] if n not in facts["cosigners"]]
        if facts["protected_to"] is None:
            strangers = any(found["strangers"] for _, _, found in signed)
            raise Finding("cosigner_unknown" if strangers else "appliance_only", "checkpoint")
        for record in self.records:
            if record.seq > facts["protected_to"]:
                raise Finding("unprotected_range", "record", record.seq)
        raise Finding("verified", "file")


def verify(file, trust):
    facts = dict.fromkeys(("tenant", "appliance", "epoch", "from_ms", "to_ms"))
    facts.update(demo=False, incident="", records=0, size=0, checkpoint_ms=0, protected_to=None)
    facts.update(signer=None, cosigners=[], omissions=[])
    try:
        Case(file, facts).judge(trust, facts)
    except Finding as finding:
        code = EXITS.get(finding.reason, 2)
        answer = {"exit": code, "verdict": VERDICTS[code], "reason": finding.reason}
        return {**answer, "part": finding.part, "n": finding.n, **facts}


def main(arguments):
    trust = ([], [])
    if arguments[:1] == ["--trust"]:
        with open(arguments[1], encoding="utf-8") as file:
            trust = read_trust(file.read())
        arguments = arguments[2:]
    worst = 0
    for path in arguments:
        with open(path, "rb") as file:
            answer = verify(file.read(MAX_FILE + 1), trust)
        print(json.dumps(answer, sort_keys=True))
        worst = max(worst, answer["exit"])
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
