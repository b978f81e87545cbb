// The verifier of evidence files in plain JavaScript: bytes and a list of trusted keys in, a verdict
// out. No network, no library, no platform cryptography: browsers differ in what they offer to a page
// opened from a disk, and all verifiers have to give the same answer. It follows
// docs/guides/evidence-format.md step by step and shares no code with the others.
(function (root) {
  'use strict';

  const MAX_INT = Number.MAX_SAFE_INTEGER;
  const MAX_DEPTH = 16;
  const MAX_VALUES = 4000000;
  const MAX_FILE = 268435456;
  const MAX_KEYS = 64;
  const MAX_LINES = 64;
  const MAGIC = 'optria-evidence/1\n';

  /** What ends a check: the first reason, and where. */
  class Finding extends Error {
    constructor(reason, part, n) {
      super(reason);
      this.reason = reason;
      this.part = part;
      this.n = n === undefined ? null : n;
    }
  }

  // ---------------------------------------------------------------- bytes

  const encoder = new TextEncoder();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const utf8 = (text) => encoder.encode(text);

  function concat(...parts) {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  function equal(a, b) {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
    return true;
  }

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

  /** Strict: padded, and no bits after the end. */
  function base64(text) {
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return null;
    const binary = atob(text);
    if (btoa(binary) !== text) return null;
    return Uint8Array.from(binary, (c) => c.charCodeAt(0));
  }

  // ---------------------------------------------------------------- SHA-256

  const K256 = new Uint32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  ]);

  /** The message with its padding; `block` is 64 for SHA-256 and 128 for SHA-512. */
  function padded(message, block) {
    const tail = block / 8;
    const total = Math.ceil((message.length + 1 + tail) / block) * block;
    const out = new Uint8Array(total);
    out.set(message);
    out[message.length] = 0x80;
    let bits = message.length * 8;
    for (let i = total - 1; bits > 0; i -= 1) {
      out[i] = bits % 256;
      bits = Math.floor(bits / 256);
    }
    return out;
  }

  function sha256(message) {
    const data = padded(message, 64);
    const view = new DataView(data.buffer);
    const h = new Uint32Array([
      0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    ]);
    const w = new Uint32Array(64);
    for (let start = 0; start < data.length; start += 64) {
      for (let i = 0; i < 16; i += 1) w[i] = view.getUint32(start + 4 * i);
      for (let i = 16; i < 64; i += 1) {
        const a = w[i - 15];
        const b = w[i - 2];
        const s0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
        const s1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
      }
      let [a, b, c, d, e, f, g, last] = h;
      for (let i = 0; i < 64; i += 1) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (last + s1 + ((e & f) ^ (~e & g)) + K256[i] + w[i]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        last = g;
        g = f;
        f = e;
        e = (d + t1) | 0;
        d = c;
        c = b;
        b = a;
        a = (t1 + t2) | 0;
      }
      [a, b, c, d, e, f, g, last].forEach((value, i) => {
        h[i] += value;
      });
    }
    const out = new Uint8Array(32);
    h.forEach((word, i) => new DataView(out.buffer).setUint32(4 * i, word));
    return out;
  }

  // ---------------------------------------------------------------- SHA-512 and Ed25519

  const M64 = (1n << 64n) - 1n;

  /** The first `count` primes, from which SHA-512 takes its constants. */
  function primes(count) {
    const found = [];
    for (let n = 2; found.length < count; n += 1) {
      if (found.every((p) => n % p !== 0)) found.push(n);
    }
    return found.map(BigInt);
  }

  /** The largest x with x^power <= n. */
  function integerRoot(n, power) {
    let low = 0n;
    let high = 1n << 80n;
    while (low < high) {
      const middle = (low + high + 1n) >> 1n;
      if (middle ** power <= n) low = middle;
      else high = middle - 1n;
    }
    return low;
  }

  // 64 bits of the fraction of the square and cube roots of the first primes (FIPS 180-4).
  const H512 = primes(8).map((p) => integerRoot(p << 128n, 2n) & M64);
  const K512 = primes(80).map((p) => integerRoot(p << 192n, 3n) & M64);
  const rotate = (x, n) => ((x >> n) | (x << (64n - n))) & M64;

  function sha512(message) {
    const data = padded(message, 128);
    const view = new DataView(data.buffer);
    const h = [...H512];
    for (let start = 0; start < data.length; start += 128) {
      const w = [];
      for (let i = 0; i < 16; i += 1) w.push(view.getBigUint64(start + 8 * i));
      for (let i = 16; i < 80; i += 1) {
        const s0 = rotate(w[i - 15], 1n) ^ rotate(w[i - 15], 8n) ^ (w[i - 15] >> 7n);
        const s1 = rotate(w[i - 2], 19n) ^ rotate(w[i - 2], 61n) ^ (w[i - 2] >> 6n);
        w.push((w[i - 16] + s0 + w[i - 7] + s1) & M64);
      }
      let [a, b, c, d, e, f, g, last] = h;
      for (let i = 0; i < 80; i += 1) {
        const s1 = rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n);
        const t1 = (last + s1 + ((e & f) ^ (~e & M64 & g)) + K512[i] + w[i]) & M64;
        const s0 = rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n);
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) & M64;
        [last, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & M64, c, b, a, (t1 + t2) & M64];
      }
      [a, b, c, d, e, f, g, last].forEach((value, i) => {
        h[i] = (h[i] + value) & M64;
      });
    }
    const out = new Uint8Array(64);
    h.forEach((word, i) => new DataView(out.buffer).setBigUint64(8 * i, word));
    return out;
  }

  const P = (1n << 255n) - 19n;
  const L = (1n << 252n) + 27742317777372353535851937790883648493n;
  const mod = (x) => {
    const r = x % P;
    return r < 0n ? r + P : r;
  };

  function power(base, exponent) {
    let result = 1n;
    let square = mod(base);
    for (let e = exponent; e > 0n; e >>= 1n) {
      if (e & 1n) result = (result * square) % P;
      square = (square * square) % P;
    }
    return result;
  }

  const D = mod(-121665n * power(121666n, P - 2n));
  const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);
  const littleEndian = (bytes) =>
    bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);

  /** The point of 32 bytes in extended coordinates, or null when there is none. */
  function decodePoint(bytes) {
    const number = littleEndian(bytes);
    const sign = number >> 255n;
    const y = mod(number & ((1n << 255n) - 1n));
    const u = mod(y * y - 1n);
    const v = mod(D * y * y + 1n);
    let x = mod(u * v ** 3n * power(u * v ** 7n, (P - 5n) / 8n));
    const check = mod(v * x * x);
    if (check === mod(-u)) x = mod(x * ROOT_OF_MINUS_ONE);
    else if (check !== u) return null;
    if ((x & 1n) !== sign) x = mod(-x);
    return [x, y, 1n, mod(x * y)];
  }

  function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
    const a = mod((y1 - x1) * (y2 - x2));
    const b = mod((y1 + x1) * (y2 + x2));
    const c = mod(2n * D * t1 * t2);
    const d = mod(2n * z1 * z2);
    const e = b - a;
    const f = d - c;
    const g = d + c;
    const h = b + a;
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
  }

  const NEUTRAL = [0n, 1n, 1n, 0n];

  function multiply(scalar, point) {
    let result = NEUTRAL;
    let double = point;
    for (let s = scalar; s > 0n; s >>= 1n) {
      if (s & 1n) result = add(result, double);
      double = add(double, double);
    }
    return result;
  }

  function encodePoint([x, y, z]) {
    const inverse = power(z, P - 2n);
    let number = mod(y * inverse) | ((mod(x * inverse) & 1n) << 255n);
    const out = new Uint8Array(32);
    for (let i = 0; i < 32; i += 1) {
      out[i] = Number(number & 255n);
      number >>= 8n;
    }
    return out;
  }

  function isSmallOrder(point) {
    const [x, y, z] = multiply(8n, point);
    return x === 0n && y === z;
  }

  const BASE = decodePoint(Uint8Array.from([0x58].concat(Array(31).fill(0x66))));

  /** Ed25519 with the strict rules: one form of each signature, no weak keys. */
  function verifySignature(key, message, signature) {
    if (signature.length !== 64) return false;
    const r = signature.subarray(0, 32);
    const s = littleEndian(signature.subarray(32));
    const keyPoint = decodePoint(key);
    const rPoint = decodePoint(r);
    if (s >= L || !keyPoint || !rPoint || isSmallOrder(keyPoint) || isSmallOrder(rPoint)) {
      return false;
    }
    const k = littleEndian(sha512(concat(r, key, message))) % L;
    const [x, y, z, t] = multiply(k, keyPoint);
    return equal(encodePoint(add(multiply(s, BASE), [mod(-x), y, z, mod(-t)])), r);
  }

  // ---------------------------------------------------------------- CBOR

  class Broken extends Error {}

  function decodeCbor(bytes) {
    let at = 0;
    let valuesLeft = MAX_VALUES;

    function take(count) {
      if (count > bytes.length - at) throw new Broken('truncated');
      at += count;
      return bytes.subarray(at - count, at);
    }

    function argument(first) {
      const short = first & 0x1f;
      if (short < 24) return short;
      if (short === 31) throw new Broken('not_canonical');
      if (short > 27) throw new Broken('malformed');
      const length = 2 ** (short - 24);
      let number = 0;
      let isTooLarge = false;
      for (const byte of take(length)) {
        number = number * 256 + byte;
        isTooLarge ||= number > MAX_INT;
      }
      const least = { 1: 24, 2: 2 ** 8, 4: 2 ** 16, 8: 2 ** 32 }[length];
      if (number < least) throw new Broken('not_canonical');
      if (isTooLarge) throw new Broken('malformed');
      return number;
    }

    function length(first, least) {
      const count = argument(first);
      if (count > Math.floor((bytes.length - at) / least)) throw new Broken('truncated');
      return count;
    }

    function map(count, depth) {
      const entries = new Map();
      let last = -1;
      for (let i = 0; i < count; i += 1) {
        const first = take(1)[0];
        if (first >> 5 !== 0) throw new Broken('malformed');
        const key = argument(first);
        if (key <= last) throw new Broken('not_canonical');
        last = key;
        entries.set(key, value(depth + 1));
      }
      return entries;
    }

    function value(depth) {
      if (depth > MAX_DEPTH || valuesLeft === 0) throw new Broken('malformed');
      valuesLeft -= 1;
      const first = take(1)[0];
      switch (first >> 5) {
        case 0:
          return argument(first);
        case 1:
          return -1 - argument(first);
        case 2:
          return take(length(first, 1));
        case 3: {
          const text = take(length(first, 1));
          try {
            return decoder.decode(text);
          } catch {
            throw new Broken('malformed');
          }
        }
        case 4: {
          const count = length(first, 1);
          const items = [];
          for (let i = 0; i < count; i += 1) items.push(value(depth + 1));
          return items;
        }
        case 5:
          return map(length(first, 2), depth);
        default:
          if (first === 0xf4) return false;
          if (first === 0xf5) return true;
          if (first === 0xf6) return null;
          throw new Broken('malformed');
      }
    }

    const result = value(0);
    if (at !== bytes.length) throw new Broken('trailing_bytes');
    return result;
  }

  // What a value has to be; anything else is malformed.
  function must(condition) {
    if (!condition) throw new Broken('malformed');
  }
  const isInt = (v) => typeof v === 'number';
  const isBytes = (v, length) =>
    v instanceof Uint8Array && (length === undefined || v.length === length);
  const int = (v, low, high) => {
    must(isInt(v) && (low === undefined || v >= low) && (high === undefined || v <= high));
    return v;
  };
  const bytes = (v, length) => {
    must(isBytes(v, length));
    return v;
  };
  const text = (v) => {
    must(typeof v === 'string');
    return v;
  };
  const bool = (v) => {
    must(typeof v === 'boolean');
    return v;
  };
  const list = (v, read) => {
    must(Array.isArray(v));
    return v.map(read);
  };
  const cells = (v, length) => {
    must(Array.isArray(v) && v.length === length);
    return v;
  };
  /** The values of a map with exactly the keys first..last. */
  const dense = (v, first, last) => {
    must(v instanceof Map && v.size === last - first + 1);
    for (let key = first; key <= last; key += 1) must(v.has(key));
    return v;
  };

  // ---------------------------------------------------------------- the parts of a file

  const VERSION = 1;

  function versioned(data) {
    const value = decodeCbor(data);
    const version = value instanceof Map ? value.get(1) : undefined;
    must(isInt(version));
    if (version !== VERSION) throw new Broken('version');
    return value;
  }

  function logOf(fields) {
    return {
      tenant: bytes(fields.get(2), 16),
      appliance: bytes(fields.get(3), 16),
      epoch: bytes(fields.get(4), 16),
      stream: int(fields.get(5), 1, 6),
    };
  }

  function decodeRecord(data) {
    const fields = dense(versioned(data), 1, 17);
    const record = { log: logOf(fields), seq: int(fields.get(6), 1), bytes: data };
    record.prevLeaf = bytes(fields.get(7), 32);
    record.kind = text(fields.get(8));
    must(record.kind !== '');
    int(fields.get(9), 0, 0xffffffff);
    int(fields.get(10));
    int(fields.get(11));
    bytes(fields.get(12), 16);
    int(fields.get(13), 0);
    text(fields.get(14));
    int(fields.get(15), 0, 2);
    record.actor = fields.get(16);
    if (record.actor !== null) bytes(record.actor, 32);
    record.body = fields.get(17);
    must(record.body instanceof Map);
    record.isDemo = int(record.body.get(0), 0, 1) === 1;
    return record;
  }

  function decodeManifest(data) {
    const fields = dense(versioned(data), 1, 16);
    const incident = dense(fields.get(6), 1, 4);
    const manifest = {
      log: logOf(fields),
      incident: {
        id: bytes(incident.get(1), 16),
        number: text(incident.get(2)),
        from: int(incident.get(3)),
        to: int(incident.get(4)),
      },
      isDemo: bool(fields.get(7)),
      created: int(fields.get(8)),
      producer: text(fields.get(9)),
      records: list(fields.get(10), (seq) => int(seq, 1)),
      windows: list(fields.get(11), (seq) => int(seq, 1)),
      versions: list(fields.get(12), (row) => {
        const [what, name, version, seq] = cells(row, 4);
        if (seq !== null) int(seq, 1);
        return { what: text(what), name: text(name), version: text(version), seq };
      }),
      omissions: list(fields.get(13), (row) => {
        const [what, why, count] = cells(row, 3);
        return { what: text(what), why: text(why), count: int(count, 0) };
      }),
      documents: list(fields.get(14), (row) => {
        const [name, type, hash, isDerived] = cells(row, 4);
        return { name: text(name), type: text(type), hash: bytes(hash, 32), derived: bool(isDerived) };
      }),
      personal: list(fields.get(15), (row) => {
        const [seq, field] = cells(row, 2);
        return `${int(seq, 1)} ${int(field, 0)}`;
      }),
      keys: list(fields.get(16), (row) => {
        const [role, name, key] = cells(row, 3);
        return { role: text(role), name: text(name), key: bytes(key, 32) };
      }),
    };
    must(manifest.records.every((seq, i, all) => i === 0 || all[i - 1] < seq));
    must(manifest.keys.length <= MAX_KEYS);
    return manifest;
  }

  const hashes = (v) => list(v, (hash) => bytes(hash, 32));

  function decodeFile(file) {
    const content = file.subarray(MAGIC.length, Math.max(MAGIC.length, file.length - 32));
    const fields = dense(decodeCbor(content), 1, 7);
    return {
      manifest: bytes(fields.get(1)),
      entries: list(fields.get(2), (row) => {
        const [data, proof] = cells(row, 2);
        return { bytes: bytes(data), proof: hashes(proof) };
      }),
      checkpoint: text(fields.get(3)),
      cosigned: fields.get(4) === null ? null : cosignedOf(fields.get(4)),
      windows: list(fields.get(5), (data) => bytes(data)),
      personal: list(fields.get(6), (row) => {
        const [seq, field, salt, value] = cells(row, 4);
        return { seq: int(seq, 1), field: int(field, 0), salt: bytes(salt, 16), value: text(value) };
      }),
      documents: list(fields.get(7), (data) => bytes(data)),
    };
  }

  function cosignedOf(value) {
    const [note, proof] = cells(value, 2);
    return { note: text(note), proof: hashes(proof) };
  }

  // ---------------------------------------------------------------- checkpoints

  const isName = (name) => /^[\x21-\x2a\x2c-\x7e]+$/.test(name);
  const number = (digits) => {
    must(/^(?:0|[1-9][0-9]{0,15})$/.test(digits) && Number(digits) <= MAX_INT);
    return Number(digits);
  };
  const hash = (encoded) => {
    const data = base64(encoded);
    must(data !== null && data.length === 32);
    return data;
  };

  function decodeNote(note) {
    const end = note.indexOf('\n\n');
    must(end >= 0 && note.length > end + 2 && note.endsWith('\n'));
    const body = note.slice(0, end + 1);
    const lines = note.slice(end + 2, -1).split('\n');
    must(lines.length <= MAX_LINES);
    const rows = body.slice(0, -1).split('\n');
    must(rows.length === 4);
    const more = /^prev ([^ \n]*) ts ([^ \n]*) boot ([0-9a-f]{32})$/.exec(rows[3]);
    must(more !== null && isName(rows[0]));
    const size = number(rows[1]);
    must(size > 0);
    hash(more[1]);
    return {
      text: utf8(body),
      origin: rows[0],
      size,
      root: hash(rows[2]),
      at: number(more[2]),
      lines: lines.map((line) => {
        const found = /^\u2014 ([^ ]*) (.*)$/s.exec(line);
        must(found !== null && isName(found[1]));
        const payload = base64(found[2]);
        must(payload !== null && payload.length >= 4);
        return { name: found[1], keyId: payload.subarray(0, 4), payload: payload.subarray(4) };
      }),
    };
  }

  /** As `optria.iq/<tenant8>/<appliance8>/<epoch8>/<stream>`. */
  function originOf(log) {
    const short = (id) => hex(sha256(id).subarray(0, 4));
    return `optria.iq/${short(log.tenant)}/${short(log.appliance)}/${short(log.epoch)}/${log.stream}`;
  }

  const LOG = 1;
  const COSIGNATURE = 4;
  const keyId = (name, kind, key) =>
    sha256(concat(utf8(`${name}\n`), Uint8Array.of(kind), key)).subarray(0, 4);
  const fingerprint = (key) => hex(sha256(key).subarray(0, 8));

  function isBy(line, kind, key, message) {
    if (kind === LOG) return verifySignature(key, message, line.payload);
    if (line.payload.length < 8) return false;
    const seconds = new DataView(line.payload.slice(0, 8).buffer).getBigUint64(0);
    const cosigned = concat(utf8(`cosignature/v1\ntime ${seconds}\n`), message);
    return verifySignature(key, cosigned, line.payload.subarray(8));
  }

  // ---------------------------------------------------------------- trust

  /** Reads a list of trusted keys; throws an Error with `line` on the first line that is none. */
  function parseTrust(content) {
    const trust = { appliances: [], cosigners: [] };
    content.split(/\r?\n/).forEach((line, index) => {
      const words = line.split('#')[0].split(/[ \t\f\r]+/).filter((word) => word !== '');
      if (words.length === 0) return;
      const key = (encoded) => {
        const data = base64(encoded ?? '');
        return data !== null && data.length === 32 && decodePoint(data) ? data : null;
      };
      const id = (word) => {
        const digits = (word ?? '').replaceAll('-', '').toLowerCase();
        return /^[0-9a-f]{32}$/.test(digits) ? digits : null;
      };
      if (words[0] === 'appliance' && id(words[1]) && id(words[2]) && key(words[3])) {
        trust.appliances.push({ of: id(words[1]) + id(words[2]), key: key(words[3]) });
      } else if (words[0] === 'cosigner' && isName(words[1] ?? '') && key(words[2])) {
        trust.cosigners.push({ name: words[1], key: key(words[2]) });
      } else {
        throw Object.assign(new Error('trust'), { line: index + 1 });
      }
    });
    return trust;
  }

  function rotationOf(record) {
    const parts = [1, 2, 3, 4].map((key) => record.body.get(key));
    const lengths = [32, 32, 64, 64];
    if (!parts.every((part, i) => isBytes(part, lengths[i]))) return null;
    const [before, after, ...signatures] = parts;
    const { tenant, appliance } = record.log;
    const message = concat(utf8('optria-key-rotation-v1\0'), tenant, appliance, before, after);
    const isSigned =
      verifySignature(before, message, signatures[0]) &&
      verifySignature(after, message, signatures[1]);
    return isSigned ? { before, after } : null;
  }

  function keysOf(parsed, trust) {
    const owner = hex(parsed.manifest.log.tenant) + hex(parsed.manifest.log.appliance);
    const named = parsed.manifest.keys.filter(({ key }) => decodePoint(key));
    const keys = {
      log: trust.appliances.filter(({ of }) => of === owner).map(({ key }) => key),
      cosigners: trust.cosigners,
      namedLog: named.filter(({ role }) => role === 'appliance').map(({ key }) => key),
      namedCosigners: named.filter(({ role }) => role === 'cosigner'),
    };
    for (const record of parsed.records.filter(({ kind }) => kind === 'key_rotation')) {
      const rotation = rotationOf(record);
      if (!rotation) throw new Finding('rotation', 'record', record.seq);
      if (keys.log.some((key) => equal(key, rotation.before))) keys.log.push(rotation.after);
    }
    return keys;
  }

  /** The key that made a line, `false` when it should be one of them but is not, else null. */
  function signer(note, line, kind, keys) {
    let answer = null;
    for (const key of keys) {
      if (!equal(keyId(line.name, kind, key), line.keyId)) continue;
      if (isBy(line, kind, key, note.text)) return key;
      answer = false;
    }
    return answer;
  }

  function signaturesOf(note, part, keys) {
    const found = { hasLogLine: false, logKey: null, unknownKey: null, cosigners: [], strangers: false };
    const isIn = (all, key) => all.some((other) => equal(other, key));
    for (const line of note.lines) {
      if (line.name === note.origin) {
        found.hasLogLine = true;
        const key = signer(note, line, LOG, [...keys.log, ...keys.namedLog]);
        if (key === false) throw new Finding('signature', part);
        if (key && isIn(keys.log, key)) found.logKey ??= key;
        else if (key) found.unknownKey ??= key;
        continue;
      }
      const own = (all) => all.filter(({ name }) => name === line.name).map(({ key }) => key);
      const trusted = own(keys.cosigners);
      const key = signer(note, line, COSIGNATURE, [...trusted, ...own(keys.namedCosigners)]);
      if (key === false) throw new Finding('cosignature', part);
      if (key && isIn(trusted, key)) found.cosigners.push(line.name);
      else found.strangers = true;
    }
    return found;
  }

  // ---------------------------------------------------------------- Merkle proofs (RFC 9162)

  const leafHash = (record) => sha256(concat(Uint8Array.of(0), record));
  const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));
  const half = (n) => Math.floor(n / 2);

  /** Climbs a proof; `step(node, isRight)` folds each node in. False when it is too long. */
  function climb(index, last, proof, step) {
    let fn = index;
    let sn = last;
    for (const node of proof) {
      if (sn === 0) return null;
      const isRight = fn % 2 === 1 || fn === sn;
      step(node, isRight);
      while (isRight && fn % 2 === 0 && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
      fn = half(fn);
      sn = half(sn);
    }
    return sn;
  }

  function isIncluded(leaf, index, size, proof, rootHash) {
    if (index >= size) return false;
    let value = leaf;
    const rest = climb(index, size - 1, proof, (node, isRight) => {
      value = isRight ? nodeHash(node, value) : nodeHash(value, node);
    });
    return rest === 0 && equal(value, rootHash);
  }

  function isConsistent(before, after, proof) {
    if (before.size === after.size) return proof.length === 0 && equal(before.root, after.root);
    let fn = before.size - 1;
    let sn = after.size - 1;
    while (fn % 2 === 1) {
      fn = half(fn);
      sn = half(sn);
    }
    // A power of two: the old root is a node of the new tree.
    const path = fn === 0 ? [before.root, ...proof] : proof;
    if (path.length === 0) return false;
    let [oldHash] = path;
    let newHash = oldHash;
    const rest = climb(fn, sn, path.slice(1), (node, isRight) => {
      if (isRight) {
        oldHash = nodeHash(node, oldHash);
        newHash = nodeHash(node, newHash);
      } else {
        newHash = nodeHash(newHash, node);
      }
    });
    return rest === 0 && equal(oldHash, before.root) && equal(newHash, after.root);
  }

  // ---------------------------------------------------------------- the checks, in their order

  /** Runs `read`; what it finds broken is reported at this place. */
  function at(part, n, read) {
    try {
      return read();
    } catch (error) {
      if (error instanceof Broken) throw new Finding(error.message, part, n);
      throw error;
    }
  }

  function parse(file, facts) {
    if (file.length > MAX_FILE) throw new Finding('too_large', 'file');
    if (!equal(file.subarray(0, MAGIC.length), utf8(MAGIC))) throw new Finding('not_evidence', 'file');
    const bundle = at('file', null, () => decodeFile(file));
    const manifest = at('manifest', null, () => decodeManifest(bundle.manifest));
    Object.assign(facts, {
      demo: manifest.isDemo,
      tenant: hex(manifest.log.tenant),
      appliance: hex(manifest.log.appliance),
      epoch: hex(manifest.log.epoch),
      incident: manifest.incident.number,
      from_ms: manifest.incident.from,
      to_ms: manifest.incident.to,
      records: bundle.entries.length,
      omissions: manifest.omissions,
    });
    const records = bundle.entries.map((entry, i) =>
      at('entry', i + 1, () => decodeRecord(entry.bytes)),
    );
    const checkpoint = at('checkpoint', null, () => decodeNote(bundle.checkpoint));
    Object.assign(facts, { size: checkpoint.size, checkpoint_ms: checkpoint.at });
    const cosigned = bundle.cosigned && at('cosigned', null, () => decodeNote(bundle.cosigned.note));
    if (bundle.windows.length > manifest.windows.length) {
      throw new Finding('malformed', 'window', manifest.windows.length + 1);
    }
    if (bundle.documents.length > manifest.documents.length) {
      throw new Finding('malformed', 'document', manifest.documents.length + 1);
    }
    const notes = [{ note: checkpoint, part: 'checkpoint' }];
    if (cosigned) notes.push({ note: cosigned, part: 'cosigned' });
    const bySeq = new Map(records.map((record) => [record.seq, record]));
    const listed = new Set(manifest.records);
    const last = records[records.length - 1];
    const isExport = last !== undefined && last.kind === 'export' && !listed.has(last.seq);
    const exported = isExport ? last : null;
    return { bundle, manifest, records, bySeq, listed, exported, checkpoint, cosigned, notes };
  }

  const hasHash = (record, data) =>
    isBytes(record.body.get(1), 32) && equal(record.body.get(1), sha256(data));

  function checkGrowth({ checkpoint, cosigned, bundle }) {
    if (!cosigned) return;
    if (cosigned.size > checkpoint.size) throw new Finding('smaller_size', 'cosigned');
    if (!isConsistent(cosigned, checkpoint, bundle.cosigned.proof)) {
      throw new Finding('inconsistent', 'cosigned');
    }
  }

  function checkRecords({ records, bundle, manifest, checkpoint, listed, exported }) {
    let before = null;
    records.forEach((record, i) => {
      const { log, seq } = record;
      const entry = bundle.entries[i];
      const leaf = leafHash(entry.bytes);
      let isLinked = seq > 1 || record.prevLeaf.every((byte) => byte === 0);
      if (before && before.seq + 1 === seq) isLinked = equal(record.prevLeaf, before.leaf);
      const wrong = [
        [!equal(log.tenant, manifest.log.tenant), 'foreign_tenant'],
        [!equal(log.appliance, manifest.log.appliance), 'foreign_appliance'],
        [!equal(log.epoch, manifest.log.epoch), 'foreign_epoch'],
        [log.stream !== manifest.log.stream, 'foreign_stream'],
        [before !== null && before.seq === seq, 'duplicate'],
        [before !== null && before.seq > seq, 'order'],
        [!listed.has(seq) && !(exported && exported.seq === seq), 'unlisted'],
        [record.isDemo !== manifest.isDemo, 'origin_mismatch'],
        [seq > checkpoint.size, 'beyond_checkpoint'],
        [!isIncluded(leaf, seq - 1, checkpoint.size, entry.proof, checkpoint.root), 'not_in_log'],
        [!isLinked, 'chain'],
      ].find(([isWrong]) => isWrong);
      if (wrong) throw new Finding(wrong[1], 'record', seq);
      before = { seq, leaf };
    });
  }

  function checkAttachments({ bundle, manifest, bySeq }) {
    bundle.windows.forEach((data, i) => {
      const record = bySeq.get(manifest.windows[i]);
      if (record && (record.kind !== 'window' || !hasHash(record, data))) {
        throw new Finding('window', 'window', i + 1);
      }
    });
    bundle.documents.forEach((data, i) => {
      if (!equal(manifest.documents[i].hash, sha256(data))) {
        throw new Finding('document', 'document', i + 1);
      }
    });
    const listed = new Set(manifest.personal);
    for (const { seq, field, salt, value } of bundle.personal) {
      if (!listed.has(`${seq} ${field}`)) throw new Finding('personal_unlisted', 'record', seq);
      const record = bySeq.get(seq);
      if (!record) continue;
      const bound = field === 0 ? record.actor : record.body.get(field);
      if (!isBytes(bound, 32) || !equal(bound, sha256(concat(salt, utf8(value))))) {
        throw new Finding('personal', 'record', seq);
      }
    }
  }

  function checkCompleteness({ bundle, manifest, bySeq, exported }) {
    for (const seq of [...manifest.records, ...manifest.windows]) {
      if (!bySeq.has(seq)) throw new Finding('record_missing', 'record', seq);
    }
    if (!exported) throw new Finding('export_missing', 'file');
    if (bundle.windows.length < manifest.windows.length) {
      throw new Finding('window_missing', 'window', bundle.windows.length + 1);
    }
    if (bundle.documents.length < manifest.documents.length) {
      throw new Finding('document_missing', 'document', bundle.documents.length + 1);
    }
    const shown = new Set(bundle.personal.map(({ seq, field }) => `${seq} ${field}`));
    const missing = manifest.personal.find((wanted) => !shown.has(wanted));
    if (missing) throw new Finding('personal_missing', 'record', Number(missing.split(' ')[0]));
  }

  function protection({ records, notes }, signatures, facts) {
    signatures.forEach((found, i) => {
      if (found.cosigners.length === 0) return;
      facts.protected_to = Math.max(facts.protected_to ?? 0, notes[i].note.size);
      facts.cosigners = [...new Set([...facts.cosigners, ...found.cosigners])];
    });
    if (facts.protected_to === null) {
      const hasStrangers = signatures.some(({ strangers }) => strangers);
      return new Finding(hasStrangers ? 'cosigner_unknown' : 'appliance_only', 'checkpoint');
    }
    const open = records.find(({ seq }) => seq > facts.protected_to);
    return open ? new Finding('unprotected_range', 'record', open.seq) : new Finding('verified', 'file');
  }

  function judge(file, trust, facts) {
    const parsed = parse(file, facts);
    const origin = originOf(parsed.manifest.log);
    for (const { note, part } of parsed.notes) {
      if (note.origin !== origin) throw new Finding('wrong_origin', part);
    }
    const keys = keysOf(parsed, trust);
    const signatures = parsed.notes.map(({ note, part }) => signaturesOf(note, part, keys));
    const key = signatures[0].logKey ?? signatures[0].unknownKey;
    facts.signer = key && fingerprint(key);
    checkGrowth(parsed);
    if (parsed.exported && !hasHash(parsed.exported, parsed.bundle.manifest)) {
      throw new Finding('manifest', 'manifest');
    }
    checkRecords(parsed);
    checkAttachments(parsed);
    if (!equal(sha256(file.subarray(0, -32)), file.subarray(-32))) {
      throw new Finding('file_digest', 'file');
    }
    checkCompleteness(parsed);
    signatures.forEach((found, i) => {
      if (!found.hasLogLine) throw new Finding('no_signature', parsed.notes[i].part);
    });
    signatures.forEach((found, i) => {
      if (!found.logKey) throw new Finding('key_unknown', parsed.notes[i].part);
    });
    return protection(parsed, signatures, facts);
  }

  const OUTCOMES = ['cosigned', 'signed_only', 'tampered', 'incomplete', 'malformed', 'unknown_key'];
  const EXITS = { verified: 0, key_unknown: 5 };
  for (const reason of ['appliance_only', 'cosigner_unknown', 'unprotected_range']) EXITS[reason] = 1;
  for (const reason of ['record', 'export', 'window', 'document', 'personal']) {
    EXITS[`${reason}_missing`] = 3;
  }
  EXITS.no_signature = 3;
  for (const reason of [
    'not_evidence', 'too_large', 'truncated', 'not_canonical', 'malformed', 'trailing_bytes', 'version',
  ]) {
    EXITS[reason] = 4;
  }

  /** The verdict on a file (Uint8Array) by a list of trusted keys (from `parseTrust`). */
  function verify(file, trust) {
    const facts = {
      demo: false, tenant: null, appliance: null, epoch: null, incident: '', from_ms: null, to_ms: null,
      records: 0, size: 0, checkpoint_ms: 0, protected_to: null, signer: null, cosigners: [],
      omissions: [],
    };
    let finding;
    try {
      finding = judge(file, trust, facts);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      finding = error;
    }
    const exit = EXITS[finding.reason] ?? 2;
    const { reason, part, n } = finding;
    return { exit, verdict: OUTCOMES[exit], reason, part, n, ...facts };
  }

  root.optriaVerify = { verify, parseTrust, sha256, sha512, verifySignature, hex };
})(globalThis);
