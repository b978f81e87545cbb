// An OpenID provider made with oidc-provider for the tests of signing in. It keeps strictly to the
// standard: PKCE for everybody, and the id token carries the subject alone. Whoever signs in by a name
// is that person. It prints "ready" and obeys lines on standard input:
//   rotate   signs with a new key from now on and forgets the old one; prints "rotated"
//   quit     ends it
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const options = Object.fromEntries(
  process.argv.slice(2).map((argument) => argument.replace(/^--/, "").split(/=(.*)/s)),
);
const port = Number(options.port);
const issuer = `http://127.0.0.1:${port}`;

const people = {
  sara: { name: "سارة القحطاني", groups: ["reliability", "everyone"] },
  omar: { name: "Omar Haddad", groups: ["everyone"] },
};

const newKey = () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
};

const serve = () => {
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "optria",
        client_secret: "a secret of the test",
        redirect_uris: [options.redirect],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    jwks: { keys: [newKey()] },
    cookies: { keys: ["a key of the test"] },
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    scopes: ["openid", "profile", "email", "groups"],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: people[id]?.name,
        groups: people[id]?.groups,
        preferred_username: `${id}@company.example`,
        email: `${id}@company.example`,
        email_verified: true,
      }),
    }),
  });
  return provider.callback();
};

let answer = serve();
const server = createServer((request, response) => answer(request, response));
server.listen(port, "127.0.0.1", () => console.log("ready"));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line === "rotate") {
      answer = serve();
      console.log("rotated");
    } else if (line === "quit") {
      process.exit(0);
    }
  })
  .on("close", () => process.exit(0));
