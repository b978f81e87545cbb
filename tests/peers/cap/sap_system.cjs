// A SAP system for the connector tests: the four maintenance services as OData V2, made with SAP's
// own application framework and its V2 adapter. What the framework lacks stands here: the sign-in,
// the token for changes with its cookies, a token server, and the moods of a busy gateway.
// It prints "ready" and "ports <port> <token port>", and obeys lines on standard input:
//   stale <n>      the next n tokens for changes are not remembered
//   busy <n>       the next n requests are answered with 429
//   expire         every bearer token is forgotten
//   touch <order>  the order gets a new short text and time of change
//   count          prints "count <notifications> <orders>"
const { mkdirSync, symlinkSync, writeFileSync, existsSync } = require("node:fs");
const { createServer } = require("node:http");
const { join } = require("node:path");
const { randomBytes } = require("node:crypto");

const option = (name, otherwise) => {
  const found = process.argv.find((a) => a.startsWith(`--${name}=`));
  return found ? found.slice(name.length + 3) : otherwise;
};
const dir = option("dir");
const counts = {
  locations: Number(option("locations", "12")),
  equipment: Number(option("equipment", "120")),
  notifications: Number(option("notifications", "60")),
  orders: Number(option("orders", "130")),
};

const model = `
service API_FUNCTIONALLOCATION @(path:'API_FUNCTIONALLOCATION') {
  entity FunctionalLocation {
    key FunctionalLocation : String(30); FunctionalLocationLabelName : String(40);
    FunctionalLocationName : String(40); SuperiorFunctionalLocation : String(30);
    MaintenancePlant : String(4); CompanyCode : String(4); FuncnlLocIsDeleted : Boolean;
    FuncnlLocIsDeactivated : Boolean; FunctionalLocationIsActive : Boolean; LastChangeDateTime : Timestamp; }
}
service API_EQUIPMENT @(path:'API_EQUIPMENT') {
  entity Equipment {
    key Equipment : String(18); key ValidityEndDate : DateTime; EquipmentName : String(40);
    FunctionalLocation : String(30); SuperordinateEquipment : String(18); MaintenancePlant : String(4);
    CompanyCode : String(4); ABCIndicator : String(1); GrossWeight : Decimal(13,3);
    EquipmentIsInactive : Boolean; LastChangeDateTime : Timestamp; }
}
service API_MAINTNOTIFICATION @(path:'API_MAINTNOTIFICATION') {
  entity MaintenanceNotification {
    key MaintenanceNotification : String(12); NotificationText : String(40); NotificationType : String(2);
    MaintPriority : String(1); NotifProcessingPhase : String(1); ConcatenatedActiveSystStsName : String(224);
    TechnicalObject : String(40); TechObjIsEquipOrFuncnlLoc : String(20); FunctionalLocation : String(30);
    MaintenancePlanningPlant : String(4); MaintenancePlant : String(4); CompanyCode : String(4);
    MainWorkCenter : String(8); MaintenanceOrder : String(12); MaintenanceObjectIsDown : Boolean;
    MaintNotifLongTextForEdit : String(1333); MaintNotifExtReferenceNumber : String(20);
    MalfunctionStartDate : DateTime; MalfunctionStartTime : Time;
    RequiredStartDate : DateTime; RequiredStartTime : Time;
    RequiredEndDate : DateTime; RequiredEndTime : Time; LastChangeDateTime : Timestamp; }
}
service API_MAINTENANCEORDER @(path:'API_MAINTENANCEORDER') {
  entity MaintenanceOrder {
    key MaintenanceOrder : String(12); MaintenanceOrderType : String(4); MaintenanceOrderDesc : String(40);
    MaintPriority : String(1); SystemStatusText : String(40); MaintOrdProcessPhaseCode : String(2);
    Equipment : String(18); FunctionalLocation : String(30); MaintenancePlanningPlant : String(4);
    MaintenancePlant : String(4); CompanyCode : String(4); MainWorkCenter : String(8);
    MainWorkCenterPlant : String(4); MaintenanceNotification : String(12); AdditionalDeviceData : String(40);
    MaintOrdBasicStartDateTime : Timestamp; MaintOrdBasicEndDateTime : Timestamp;
    LastChangeDateTime : Timestamp;
    to_MaintenanceOrderLongText : Composition of many MaintenanceOrderLongText
      on to_MaintenanceOrderLongText.MaintenanceOrder = MaintenanceOrder; }
  entity MaintenanceOrderLongText {
    key MaintenanceOrder : String(12); key TextObjectType : String(4); key Language : String(2);
    MaintenanceOrderLongText : LargeString; }
}`;

const config = {
  name: "sap-system",
  cds: {
    cov2ap: { plugin: false, path: "sap/opu/odata/sap" },
    query: { limit: { default: 50, max: 50 } },
    requires: { auth: { kind: "dummy" }, db: { kind: "sqlite", credentials: { url: ":memory:" } } },
    log: { levels: { cds: "error", cov2ap: "error" } },
  },
  dependencies: { "@cap-js/sqlite": "*", "@cap-js-community/odata-v2-adapter": "*" },
};

mkdirSync(join(dir, "srv"), { recursive: true });
writeFileSync(join(dir, "srv", "services.cds"), model);
writeFileSync(join(dir, "package.json"), JSON.stringify(config));
if (!existsSync(join(dir, "node_modules"))) symlinkSync(join(__dirname, "node_modules"), join(dir, "node_modules"));
process.chdir(dir);
process.env.PORT = option("port", "0");
// The framework writes its own lines to standard output; this protocol owns it.
console.log = console.info = console.warn = console.debug = (...words) => console.error(...words);
const say = (line) => process.stdout.write(`${line}\n`);

const cds = require("@sap/cds");

// ---- the gateway before the services -----------------------------------------------------------
const sessions = new Map();
const bearers = new Set();
let busy = 0;
let stale = 0;

const isSignedIn = (header) => {
  if (header === `Basic ${Buffer.from("OPTRIA:classified").toString("base64")}`) return true;
  return (header ?? "").startsWith("Bearer ") && bearers.has(header.slice(7));
};
const cookiesOf = (request) =>
  new Map((request.headers.cookie ?? "").split(";").map((pair) => pair.trim().split("=", 2)));

function gateway(request, response, next) {
  if (!request.path.startsWith("/sap/")) return next();
  if (busy > 0) {
    busy -= 1;
    return response.status(429).set("Retry-After", "1").json({ error: { code: "429", message: "busy" } });
  }
  if (!isSignedIn(request.headers.authorization)) {
    return response.status(401).set("WWW-Authenticate", 'Basic realm="SAP NetWeaver Application Server [DEV/100]"')
      .type("html").send("<html><body>Logon Error Message</body></html>");
  }
  if (request.query["sap-client"] && request.query["sap-client"] !== "100") {
    return response.status(401).type("html").send("<html><body>Client does not exist</body></html>");
  }
  const asked = request.headers["x-csrf-token"] ?? "";
  if (asked.toLowerCase() === "fetch") {
    const [id, token] = [randomBytes(12).toString("base64url"), randomBytes(12).toString("base64url")];
    if (stale > 0) stale -= 1;
    else sessions.set(id, token);
    response.set("x-csrf-token", token);
    response.append("Set-Cookie", "sap-usercontext=sap-client=100; path=/");
    response.append("Set-Cookie", `SAP_SESSIONID_DEV_100=${id}; path=/; HttpOnly`);
  } else if (!["GET", "HEAD"].includes(request.method)) {
    const sent = cookiesOf(request);
    const token = sessions.get(sent.get("SAP_SESSIONID_DEV_100"));
    if (!token || token !== asked || !sent.has("sap-usercontext")) {
      return response.status(403).set("x-csrf-token", "Required").type("text").send("CSRF token validation failed");
    }
  }
  next();
}
cds.once("bootstrap", (app) => {
  app.use(gateway);
  app.use(require("@cap-js-community/odata-v2-adapter")());
});

// ---- what the services do --------------------------------------------------------------------
const number = (n, width) => String(n).padStart(width, "0");
let nextNumber = 9_000_001;

cds.on("served", async () => {
  const { API_MAINTNOTIFICATION: notifications, API_MAINTENANCEORDER: orders } = cds.services;
  notifications.before("CREATE", "MaintenanceNotification", (request) => {
    if (!["M1", "M2", "M3"].includes(request.data.NotificationType)) {
      return request.reject({ status: 400, code: "IM/105", message: `Notification type ${request.data.NotificationType} does not exist` });
    }
    Object.assign(request.data, {
      MaintenanceNotification: number(nextNumber++, 12), NotifProcessingPhase: "1",
      ConcatenatedActiveSystStsName: "OSNO", MaintenancePlant: request.data.MaintenancePlanningPlant,
      LastChangeDateTime: new Date().toISOString(),
    });
  });
  orders.before("CREATE", "MaintenanceOrder", (request) => {
    if (!["PM01", "PM02", "PM03"].includes(request.data.MaintenanceOrderType)) {
      request.error({ status: 400, code: "IW/085", message: `Order type ${request.data.MaintenanceOrderType} does not exist` });
      request.error({ status: 400, code: "IW/250", message: "Enter an order type of planning plant 1010" });
      return;
    }
    const created = number(nextNumber++, 12);
    Object.assign(request.data, {
      MaintenanceOrder: created, SystemStatusText: "CRTD MANC NMAT", MaintOrdProcessPhaseCode: "20",
      MaintenancePlant: request.data.MaintenancePlanningPlant, LastChangeDateTime: new Date().toISOString(),
    });
    for (const text of request.data.to_MaintenanceOrderLongText ?? []) text.MaintenanceOrder = created;
    request.http?.res?.set("sap-message", JSON.stringify({ code: "IW/1", message: "Work centre was derived", severity: "warning", details: [] }));
  });
  await fill();
});

async function fill() {
  const { INSERT } = cds.ql;
  const hour = 3_600_000;
  const start = Date.now() - 30 * 24 * hour;
  const at = (ms) => new Date(ms).toISOString();
  const list = (count, make) => Array.from({ length: count }, (_, n) => make(n));
  const insert = (entity, rows) => (rows.length ? cds.run(INSERT.into(entity).entries(rows)) : undefined);
  await insert("API_FUNCTIONALLOCATION.FunctionalLocation", list(counts.locations, (n) => ({
    FunctionalLocation: `RAS-U${100 + n}`, FunctionalLocationLabelName: `RAS-U${100 + n}`,
    FunctionalLocationName: n === 0 ? "وحدة التقطير" : `Unit ${100 + n}`, SuperiorFunctionalLocation: "RAS",
    MaintenancePlant: "1010", CompanyCode: "1000", FunctionalLocationIsActive: true,
    // Objects that were never changed carry no time of change.
    LastChangeDateTime: n % 3 === 0 ? null : at(start + n * hour),
  })));
  const machine = (n, end) => ({
    Equipment: number(10_000_000 + n, 18), ValidityEndDate: end, EquipmentName: `Pump P-${100 + n}`,
    FunctionalLocation: `RAS-U${100 + (n % 12)}`, MaintenancePlant: n < 110 ? "1010" : "2020", CompanyCode: "1000",
    ABCIndicator: "A", GrossWeight: 1250.5, EquipmentIsInactive: n === 3, LastChangeDateTime: at(start + n * hour),
  });
  await insert("API_EQUIPMENT.Equipment", [
    ...list(counts.equipment, (n) => machine(n, "9999-12-31T00:00:00Z")),
    // A period of use that has passed; only the present one counts.
    ...list(Math.min(5, counts.equipment), (n) => machine(n, "2020-01-01T00:00:00Z")),
  ]);
  await insert("API_MAINTNOTIFICATION.MaintenanceNotification", list(counts.notifications, (n) => ({
    MaintenanceNotification: number(10_000_000 + n, 12), NotificationText: `Finding ${n}`, NotificationType: "M1",
    MaintPriority: String(1 + (n % 4)), NotifProcessingPhase: "3", ConcatenatedActiveSystStsName: "NOPR",
    TechnicalObject: number(10_000_000 + n, 18), TechObjIsEquipOrFuncnlLoc: "EAMS_EQUI", MaintenancePlant: "1010",
    CompanyCode: "1000", LastChangeDateTime: at(start + n * hour),
  })));
  await insert("API_MAINTENANCEORDER.MaintenanceOrder", list(counts.orders, (n) => ({
    MaintenanceOrder: number(4_000_000 + n, 12), MaintenanceOrderType: "PM01", MaintenanceOrderDesc: `Order ${n}`,
    MaintPriority: String(1 + (n % 4)), SystemStatusText: n % 2 ? "TECO CNF" : "REL  PCNF", MaintOrdProcessPhaseCode: "60",
    Equipment: number(10_000_000 + n, 18), FunctionalLocation: `RAS-U${100 + (n % 12)}`, MaintenancePlant: "1010",
    MaintenancePlanningPlant: "1010", CompanyCode: "1000", MainWorkCenter: "MECH-R1",
    MaintOrdBasicStartDateTime: at(start + n * hour), MaintOrdBasicEndDateTime: at(start + (n + 8) * hour),
    // A mass change: more rows within one second than a page holds.
    LastChangeDateTime: at(n >= 20 && n < 90 ? start + 20 * hour : start + n * hour),
  })));
}

// ---- the token server, on an address of its own -------------------------------------------------
const tokens = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const wanted = `Basic ${Buffer.from("optria:top-secret").toString("base64")}`;
    const isRight = request.headers.authorization === wanted && new URLSearchParams(body).get("grant_type") === "client_credentials";
    response.setHeader("content-type", "application/json");
    if (!isRight) {
      response.statusCode = 401;
      return response.end(JSON.stringify({ error: "invalid_client", error_description: "Bad credentials" }));
    }
    const token = randomBytes(16).toString("base64url");
    bearers.add(token);
    response.end(JSON.stringify({ access_token: token, token_type: "bearer", expires_in: 3600 }));
  });
});

async function obey(line) {
  const [word, argument] = line.trim().split(" ");
  const { UPDATE, SELECT } = cds.ql;
  const orders = "API_MAINTENANCEORDER.MaintenanceOrder";
  if (word === "stale") stale = Number(argument);
  if (word === "busy") busy = Number(argument);
  if (word === "expire") bearers.clear();
  if (word === "touch") {
    const change = { MaintenanceOrderDesc: "touched", LastChangeDateTime: new Date().toISOString() };
    await cds.run(UPDATE(orders).set(change).where({ MaintenanceOrder: argument }));
  }
  if (word === "count") {
    const of = async (entity) => (await cds.run(SELECT.one`count(*) as n`.from(entity))).n;
    return say(`count ${await of("API_MAINTNOTIFICATION.MaintenanceNotification")} ${await of(orders)}`);
  }
  say(`did ${word}`);
}

(async () => {
  await cds.plugins;
  const server = await cds.server({ in_memory: true, service: "all", from: ["srv"], port: process.env.PORT });
  // The adapter opens its routes when it knows where the services listen.
  await cds.emit("listening", { server, url: `http://localhost:${server.address().port}` });
  tokens.listen(0, "127.0.0.1", () => {
    say("ready");
    say(`ports ${server.address().port} ${tokens.address().port}`);
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => void obey(line));
  });
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
