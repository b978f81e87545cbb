// A provider that can be told to misbehave, for what a certified one never does: wrong claims, other
// signatures, the template in the issuer of Entra ID, the organisation of Google. It asks nobody to
// sign in. It prints "ready" and obeys lines on standard input, each answered with "done":
//   claims <json>    adds these to the id token; null takes one away
//   metadata <json>  adds these to the metadata
//   sign <way>       rs256, none, hs256, other (a key it does not show), as (rs256 by a new key)
//   fresh            forgets all of the above
//   hold             keeps who asks for a token waiting; held, answered with "held", once somebody waits;
//                    go lets him go on
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const options = Object.fromEntries(
  process.argv.slice(2).map((argument) => argument.replace(/^--/, "").split(/=(.*)/s)),
);
const port = Number(options.port);
const issuer = `http://127.0.0.1:${port}${options.path ?? ""}`;

const newKey = () => ({ kid: randomUUID(), ...generateKeyPairSync("rsa", { modulusLength: 2048 }) });
let key = newKey();
const hidden = newKey();
let told = { claims: {}, metadata: {}, sign: "rs256" };
const codes = new Map();
let gate = null;

function newGate() {
  const made = {};
  made.arrived = new Promise((done) => (made.arrive = done));
  made.opened = new Promise((done) => (made.open = done));
  return made;
}

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function token(claims) {
  const header = { alg: { none: "none", hs256: "HS256" }[told.sign] ?? "RS256", kid: key.kid };
  const text = `${encoded(header)}.${encoded(claims)}`;
  if (told.sign === "none") return `${text}.`;
  if (told.sign === "hs256") {
    return `${text}.${createHmac("sha256", "a secret of the test").update(text).digest("base64url")}`;
  }
  const { privateKey } = told.sign === "other" ? hidden : key;
  return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
}

const without = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

async function answer(request, response) {
  const url = new URL(request.url, issuer);
  const send = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  if (url.pathname.endsWith("/.well-known/openid-configuration")) {
    return send(200, without({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      ...told.metadata,
    }));
  }
  if (url.pathname.endsWith("/keys")) {
    return send(200, { keys: [{ ...key.publicKey.export({ format: "jwk" }), kid: key.kid, use: "sig", alg: "RS256" }] });
  }
  if (url.pathname.endsWith("/authorize")) {
    const asked = Object.fromEntries(url.searchParams);
    const code = randomUUID();
    codes.set(code, asked);
    const back = new URL(asked.redirect_uri);
    back.search = new URLSearchParams({ code, state: asked.state }).toString();
    response.writeHead(303, { location: back.toString() });
    return response.end();
  }
  if (url.pathname.endsWith("/token")) {
    const form = await bodyOf(request);
    if (gate) {
      const { arrive, opened } = gate;
      arrive();
      await opened;
    }
    const asked = codes.get(form.get("code"));
    codes.delete(form.get("code"));
    const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (!asked || asked.code_challenge !== challenge || asked.code_challenge_method !== "S256") {
      return send(400, { error: "invalid_grant" });
    }
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: "person-1", aud: asked.client_id, exp: now + 300, iat: now, nonce: asked.nonce, name: "Person One", email: "one@company.example" };
    return send(200, { access_token: randomUUID(), token_type: "Bearer", id_token: token(without({ ...claims, ...told.claims })) });
  }
  return send(404, {});
}

createServer((request, response) => void answer(request, response)).listen(port, "127.0.0.1", () => console.log("ready"));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [word, rest] = line.split(/ (.*)/s);
    if (word === "claims" || word === "metadata") told[word] = JSON.parse(rest);
    if (word === "sign") told.sign = rest === "as" ? "rs256" : rest;
    if (word === "sign" && rest === "as") key = newKey();
    if (word === "fresh") told = { claims: {}, metadata: {}, sign: "rs256" };
    if (word === "hold") gate = newGate();
    if (word === "held") return void gate.arrived.then(() => console.log("held"));
    if (word === "go") {
      gate.open();
      gate = null;
    }
    console.log("done");
  })
  .on("close", () => process.exit(0));
