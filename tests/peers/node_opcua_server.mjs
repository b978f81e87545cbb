// An OPC UA server made with node-opcua for the connector tests: strict about certificates, with
// continuation points and a wide folder. It prints "ready" and obeys lines on standard input:
//   trust-clients   moves every rejected client certificate to the trusted ones
//   trust-users     the same for user certificates
//   level <number>  sets the level of P-102, which has limit alarms
//   acknowledge     acknowledges its alarm, as an operator at the server would
//   quit            ends it
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import {
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  standardUnits,
  Variant,
} from "node-opcua";

const options = Object.fromEntries(
  process.argv.slice(2).map((argument) => argument.replace(/^--/, "").split("=")),
);
const port = Number(options.port);
const pki = join(options.dir, "pki");
const users = join(options.dir, "users");

const certificates = (rootFolder) =>
  new OPCUACertificateManager({ rootFolder, automaticallyAcceptUnknownCertificate: false });

const clients = certificates(pki);
const operators = certificates(users);

const server = new OPCUAServer({
  port,
  host: "127.0.0.1",
  hostname: "localhost",
  resourcePath: "/ua",
  buildInfo: { productName: "node-opcua test server" },
  serverCertificateManager: clients,
  userCertificateManager: operators,
  securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
  securityPolicies: [
    SecurityPolicy.None,
    SecurityPolicy.Basic256Sha256,
    SecurityPolicy.Aes128_Sha256_RsaOaep,
    SecurityPolicy.Aes256_Sha256_RsaPss,
  ],
  userManager: {
    isValidUser: (name, password) => name === "operator" && password === "correct horse",
  },
  isAuditing: false,
});

let level;
let alarm;

/** A vessel whose level has an alarm with four limits, as Part 9 has them. */
function withAlarm(own, plant) {
  const vessel = own.addObject({
    organizedBy: plant,
    browseName: "P-102",
    nodeId: "s=P-102",
    eventSourceOf: server.engine.addressSpace.rootFolder.objects.server,
  });
  level = own.addVariable({
    componentOf: vessel,
    browseName: "Level",
    nodeId: "s=P-102.Level",
    dataType: "Double",
    value: { dataType: DataType.Double, value: 50 },
    eventSourceOf: vessel,
  });
  alarm = own.instantiateExclusiveLimitAlarm("ExclusiveLimitAlarmType", {
    browseName: "LevelAlarm",
    nodeId: "s=P-102.LevelAlarm",
    conditionName: "LevelAlarm",
    componentOf: vessel,
    conditionSource: level,
    inputNode: level,
    lowLowLimit: 5,
    lowLimit: 10,
    highLimit: 80,
    highHighLimit: 90,
  });
}

function build() {
  const space = server.engine.addressSpace;
  // Binds ConditionRefresh and its kin.
  space.installAlarmsAndConditionsService();
  const own = space.registerNamespace("urn:optria:test:plant");
  const plant = own.addFolder("ObjectsFolder", { browseName: "Plant", nodeId: "s=Plant" });
  const pump = own.addFolder(plant, { browseName: "P-101", nodeId: "s=P-101" });
  let temperature = 20;
  own.addAnalogDataItem({
    componentOf: pump,
    browseName: "Temperature",
    nodeId: "s=P-101.Temperature",
    description: "Bearing temperature",
    dataType: "Double",
    engineeringUnitsRange: { low: 0, high: 150 },
    engineeringUnits: standardUnits.degree_celsius,
    minimumSamplingInterval: 100,
    value: { get: () => new Variant({ dataType: DataType.Double, value: (temperature += 0.1) }) },
  });
  withAlarm(own, plant);
  const wide = own.addFolder(plant, { browseName: "Wide", nodeId: "s=Wide" });
  const count = Number(options.nodes ?? 0);
  for (let number = 0; number < count; number++) {
    const name = `W${String(number).padStart(6, "0")}`;
    own.addVariable({
      organizedBy: wide,
      browseName: name,
      nodeId: `s=${name}`,
      dataType: "Double",
      value: { dataType: DataType.Double, value: number },
    });
  }
}

async function trust(manager, root) {
  const rejected = join(root, "rejected");
  const names = existsSync(rejected) ? readdirSync(rejected) : [];
  for (const name of names)
    await manager.trustCertificate(new X509Certificate(readFileSync(join(rejected, name))).raw);
  return names.length;
}

await server.initialize();
build();
await server.start();
console.log("ready");

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "trust-clients") console.log(`trusted ${await trust(clients, pki)}`);
  if (line === "trust-users") console.log(`trusted ${await trust(operators, users)}`);
  if (line.startsWith("level ")) {
    level.setValueFromSource({ dataType: DataType.Double, value: Number(line.slice(6)) });
    console.log(`level is ${line.slice(6)}`);
  }
  if (line === "acknowledge") {
    alarm.acknowledgeAndAutoConfirmBranch(alarm.currentBranch(), "seen at the panel");
    console.log("acknowledged");
  }
  if (line === "quit") break;
}
await server.shutdown(100);
process.exit(0);
