//! The instructor's line: one JSON object per line over TCP on 127.0.0.1, guarded by a token that
//! lies in the plant's folder. OPC UA itself stays read-only.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use iq_domain::{Clock, CodedError, ErrorKind, Timestamp, WallClock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::{
    FaultKind, SoeEvent,
    catalogue::catalogue,
    scenarios::scenarios,
    server::{Shared, restrict},
    sim::CommandError,
    web::{Disturbance, Disturbances, WebService, same},
};

/// File in the plant's folder that tells address and token.
const FILE: &str = "control.json";
/// Longest accepted line.
const MAX_LINE: u64 = 64 * 1024;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
struct Access {
    address: SocketAddr,
    token: String,
}

/// A command to the plant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cmd")]
pub enum Command {
    /// Which faults there are and which families have them; which are at work.
    List,
    /// Puts a fault on.
    Inject {
        /// Asset.
        asset: String,
        /// Fault key.
        fault: String,
        /// Plant seconds for the whole development; the fault's natural time when absent.
        #[serde(default)]
        over_s: Option<f64>,
        /// Share of the end state it stops at; 1 when absent.
        #[serde(default)]
        severity: Option<f64>,
        /// Metric of the instrument, for instrument faults.
        #[serde(default)]
        metric: Option<String>,
    },
    /// Takes faults off and resets trips, of one asset or of all.
    Reset {
        /// Asset.
        #[serde(default)]
        asset: Option<String>,
    },
    /// Which scenarios there are.
    Scenarios,
    /// Starts a scenario.
    Scenario {
        /// Id.
        id: String,
        /// 60 plays an hour in a minute; 1 when absent.
        #[serde(default)]
        time_scale: Option<f64>,
    },
    /// Time, pace, trips, faults, counts.
    Status,
    /// True values of an asset's points.
    State {
        /// Asset.
        asset: String,
    },
    /// Disturbs requests to a web service.
    Disturb {
        /// Service.
        service: WebService,
        /// What goes wrong.
        disturbance: Disturbance,
        /// With how many requests; 1 when absent.
        #[serde(default)]
        times: Option<u32>,
        /// Only with requests whose path contains this.
        #[serde(default)]
        path: Option<String>,
    },
    /// Forgets the disturbances that wait for requests.
    Calm,
    /// Lines of the sequence-of-events recorder after a number.
    Events {
        /// Number of the last line already known; 0 for all.
        #[serde(default)]
        after: u64,
    },
}

#[derive(Deserialize)]
struct Request {
    token: String,
    #[serde(flatten)]
    command: Command,
}

/// Makes a new token and writes it with the address into the plant's folder.
pub(crate) fn create_token(folder: &Path, address: SocketAddr) -> Result<String, CodedError> {
    let failed = |reason: String| {
        CodedError::new(ErrorKind::Unavailable, "plant.folder_unusable")
            .with("folder", folder.display())
            .with("reason", reason)
    };
    let mut bytes = [0_u8; 32];
    opcua::crypto::random::bytes(&mut bytes);
    let token: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let text = serde_json::to_string(&Access {
        address,
        token: token.clone(),
    })
    .map_err(|e| failed(e.to_string()))?;
    let path = folder.join(FILE);
    // Written empty and closed to others first: the token is never readable by a neighbour.
    std::fs::write(&path, "")
        .and_then(|()| restrict(&path))
        .map_err(|e| failed(e.to_string()))?;
    std::fs::write(&path, text).map_err(|e| failed(e.to_string()))?;
    Ok(token)
}

/// Serves the line until the plant stops.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    token: String,
    stop: CancellationToken,
) {
    let token: Arc<str> = token.into();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (shared, token, stop) = (shared.clone(), token.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                result = converse(stream, &shared, &token) => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "an instructor's connection ended");
                    }
                }
            }
        });
    }
}

async fn converse(stream: TcpStream, shared: &Shared, token: &str) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let size = (&mut reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if size == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(request) if same(&request.token, token) => match execute(request.command, shared) {
                Ok(result) => json!({ "ok": true, "result": result }),
                Err(error) => json!({ "ok": false, "code": error.code, "params": error.params }),
            },
            Ok(_) => json!({ "ok": false, "code": "plant.control_refused", "params": {} }),
            Err(e) => {
                let reason = e.to_string();
                json!({ "ok": false, "code": "plant.command_malformed", "params": { "reason": reason } })
            }
        };
        let mut text = answer.to_string();
        text.push('\n');
        write.write_all(text.as_bytes()).await?;
        if size as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            return Ok(());
        }
    }
}

/// Executes a command on a running plant.
pub(crate) fn execute(command: Command, shared: &Shared) -> Result<Value, CodedError> {
    let mut plant = shared.plant();
    match command {
        Command::List => Ok(json!({
            "faults": FaultKind::ALL.map(|kind| json!({
                "fault": kind.as_str(),
                "families": kind.families(),
                "natural_s": kind.natural_s(),
                "instrument": kind.is_instrument(),
            })),
            "active": plant.faults(),
        })),
        Command::Inject {
            asset,
            fault,
            over_s,
            severity,
            metric,
        } => {
            let kind = FaultKind::parse(&fault)
                .ok_or_else(|| CodedError::from(CommandError::UnknownFault(fault)))?;
            let over = over_s.unwrap_or_else(|| kind.natural_s());
            plant.inject(
                &asset,
                kind,
                over,
                severity.unwrap_or(1.0),
                metric.as_deref(),
            )?;
            Ok(json!({ "active": plant.faults() }))
        }
        Command::Reset { asset } => {
            plant.reset(asset.as_deref())?;
            Ok(json!({ "active": plant.faults() }))
        }
        Command::Scenarios => Ok(scenarios()
            .iter()
            .map(|s| json!({ "id": s.id, "title": s.title, "duration_s": s.duration_s }))
            .collect()),
        Command::Scenario { id, time_scale } => {
            plant.start_scenario(&id, time_scale.unwrap_or(1.0))?;
            Ok(json!({ "scenario": id }))
        }
        Command::Status => {
            let status = status(&plant, shared);
            serde_json::to_value(status).map_err(|e| malformed(&e.to_string()))
        }
        Command::State { asset } => state(&plant, asset),
        Command::Disturb {
            service,
            disturbance,
            times,
            path,
        } => disturb(shared, service, disturbance, times.unwrap_or(1), path),
        Command::Calm => Ok(calm(shared)),
        Command::Events { after } => {
            let events: Vec<&SoeEvent> = plant.events_after(after).collect();
            serde_json::to_value(events).map_err(|e| malformed(&e.to_string()))
        }
    }
}

fn disturb(
    shared: &Shared,
    service: WebService,
    disturbance: Disturbance,
    times: u32,
    path: Option<String>,
) -> Result<Value, CodedError> {
    let waiting = shared
        .disturbances(service)
        .ok_or_else(|| CodedError::new(ErrorKind::Unavailable, "plant.service_not_served"))?;
    waiting.arm(disturbance, times, path);
    Ok(json!({ "disturbance": disturbance }))
}

fn calm(shared: &Shared) -> Value {
    for service in [WebService::Pi, WebService::Sap] {
        let waiting = shared.disturbances(service);
        waiting.into_iter().for_each(Disturbances::calm);
    }
    json!({})
}

/// What an asset's points really are.
fn state(plant: &crate::Plant, asset: String) -> Result<Value, CodedError> {
    if catalogue().asset_of(&asset).is_none() {
        return Err(CommandError::UnknownAsset(asset).into());
    }
    let own = catalogue()
        .tags
        .iter()
        .enumerate()
        .filter(|(_, t)| t.asset == asset);
    let values: serde_json::Map<_, _> = own
        .map(|(i, t)| (t.metric.clone(), json!(plant.true_values()[i])))
        .collect();
    Ok(json!({
        "asset": asset,
        "tripped": !plant.first_out(&asset).is_empty(),
        "first_out": plant.first_out(&asset),
        "values": values,
    }))
}

fn status(plant: &crate::Plant, shared: &Shared) -> PlantStatus {
    let pace = shared
        .pace
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    PlantStatus {
        endpoint_url: shared.endpoint_url.clone(),
        pi_url: shared.pi_url.clone(),
        sap_url: shared.sap_url.clone(),
        plant_time: plant.now(),
        wall_time: WallClock.now(),
        rate: pace.rate(),
        catching_up: pace.is_catching_up(),
        scenario: plant.scenario().map(|(id, _)| id.to_owned()),
        tripped: plant
            .tripped()
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect(),
        faults: plant.faults().len(),
        changes: shared.log.changes(),
        load_rounds: shared.log.load_rounds(),
        tag_changes: catalogue()
            .tags
            .iter()
            .enumerate()
            .map(|(i, t)| (t.node.clone(), shared.log.tag_changes(i)))
            .collect(),
    }
}

/// What a running plant tells about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlantStatus {
    /// Address for OPC UA clients.
    pub endpoint_url: String,
    /// Address for PI clients, if the endpoint is served.
    #[serde(default)]
    pub pi_url: Option<String>,
    /// Address of the maintenance system, if it is served.
    #[serde(default)]
    pub sap_url: Option<String>,
    /// Plant time.
    pub plant_time: Timestamp,
    /// The machine's clock.
    pub wall_time: Timestamp,
    /// How fast plant time runs.
    pub rate: f64,
    /// Plant time has not met the clock yet.
    pub catching_up: bool,
    /// Id of the scenario that runs.
    pub scenario: Option<String>,
    /// Tripped machines with their first cause.
    pub tripped: std::collections::BTreeMap<String, String>,
    /// Number of faults at work.
    pub faults: usize,
    /// Changes published so far (tags and protection points, load tags not counted).
    pub changes: u64,
    /// Completed rounds of the load tags.
    pub load_rounds: u64,
    /// Changes published so far by node id (string part).
    pub tag_changes: std::collections::BTreeMap<String, u64>,
}

impl From<CommandError> for CodedError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::UnknownAsset(asset) => {
                Self::not_found("plant.unknown_asset").with("asset", asset)
            }
            CommandError::UnknownFault(fault) => {
                Self::not_found("plant.unknown_fault").with("fault", fault)
            }
            CommandError::DoesNotFit { asset, fault } => Self::invalid("plant.fault_does_not_fit")
                .with("asset", asset)
                .with("fault", fault),
            CommandError::UnknownMetric { asset, metric } => {
                Self::not_found("plant.unknown_metric")
                    .with("asset", asset)
                    .with("metric", metric)
            }
            CommandError::UnknownScenario(id) => {
                Self::not_found("plant.unknown_scenario").with("scenario", id)
            }
            CommandError::OutOfRange(field) => {
                Self::invalid("plant.out_of_range").with("field", field)
            }
        }
    }
}

fn malformed(reason: &str) -> CodedError {
    CodedError::invalid("plant.command_malformed").with("reason", reason)
}

/// Codes a plant may answer with; an answer with another code is treated as malformed.
const CODES: [(&str, ErrorKind); 9] = [
    ("plant.unknown_asset", ErrorKind::NotFound),
    ("plant.unknown_fault", ErrorKind::NotFound),
    ("plant.fault_does_not_fit", ErrorKind::Invalid),
    ("plant.unknown_metric", ErrorKind::NotFound),
    ("plant.unknown_scenario", ErrorKind::NotFound),
    ("plant.out_of_range", ErrorKind::Invalid),
    ("plant.service_not_served", ErrorKind::Unavailable),
    ("plant.control_refused", ErrorKind::Forbidden),
    ("plant.command_malformed", ErrorKind::Invalid),
];

/// A client of the instructor's line.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    token: String,
}

impl Client {
    /// A client for a known address and token.
    #[must_use]
    pub fn new(address: SocketAddr, token: impl Into<String>) -> Self {
        Self {
            address,
            token: token.into(),
        }
    }

    /// A client for the plant whose files lie in `folder`.
    ///
    /// # Errors
    /// `plant.not_running` when the folder holds no access file.
    pub fn from_folder(folder: &Path) -> Result<Self, CodedError> {
        let missing = || {
            CodedError::new(ErrorKind::Unavailable, "plant.not_running")
                .with("folder", folder.display())
        };
        let text = std::fs::read_to_string(folder.join(FILE)).map_err(|_| missing())?;
        let access: Access = serde_json::from_str(&text).map_err(|_| missing())?;
        Ok(Self::new(access.address, access.token))
    }

    /// Sends a command and returns its result.
    ///
    /// # Errors
    /// `plant.*`: the plant is unreachable, refused the token or the command.
    pub async fn send(&self, command: &Command) -> Result<Value, CodedError> {
        let unreachable = |reason: String| {
            CodedError::new(ErrorKind::Unavailable, "plant.unreachable")
                .with("address", self.address)
                .with("reason", reason)
        };
        let exchange = async {
            let mut request = serde_json::to_value(command).map_err(std::io::Error::other)?;
            request["token"] = json!(self.token);
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(format!("{request}\n").as_bytes()).await?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| unreachable("no answer in time".to_owned()))?
            .map_err(|e| unreachable(e.to_string()))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|e| malformed(&e.to_string()))?;
        if answer["ok"] == json!(true) {
            return Ok(answer["result"].clone());
        }
        let code = answer["code"].as_str().unwrap_or("");
        let known = CODES.iter().find(|(known, _)| *known == code);
        let (code, kind) = known
            .copied()
            .unwrap_or(("plant.command_malformed", ErrorKind::Upstream));
        let mut error = CodedError::new(kind, code);
        for (key, value) in answer["params"].as_object().into_iter().flatten() {
            error = error.with(key, value.as_str().unwrap_or(""));
        }
        Err(error)
    }

    /// Faults there are and faults at work.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn list(&self) -> Result<Value, CodedError> {
        self.send(&Command::List).await
    }

    /// Puts a fault on an asset; `over` is the plant time of its whole development.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn inject(
        &self,
        asset: &str,
        fault: FaultKind,
        over: Duration,
    ) -> Result<Value, CodedError> {
        self.send(&Command::Inject {
            asset: asset.to_owned(),
            fault: fault.as_str().to_owned(),
            over_s: Some(over.as_secs_f64()),
            severity: None,
            metric: None,
        })
        .await
    }

    /// Takes faults off and resets trips.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn reset(&self, asset: Option<&str>) -> Result<Value, CodedError> {
        self.send(&Command::Reset {
            asset: asset.map(str::to_owned),
        })
        .await
    }

    /// Starts a scenario.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn scenario(&self, id: &str, time_scale: f64) -> Result<Value, CodedError> {
        self.send(&Command::Scenario {
            id: id.to_owned(),
            time_scale: Some(time_scale),
        })
        .await
    }

    /// Time, pace, trips, counts.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn status(&self) -> Result<PlantStatus, CodedError> {
        let value = self.send(&Command::Status).await?;
        serde_json::from_value(value).map_err(|e| malformed(&e.to_string()))
    }

    /// Lines of the sequence-of-events recorder after a number.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn events(&self, after: u64) -> Result<Vec<SoeEvent>, CodedError> {
        let value = self.send(&Command::Events { after }).await?;
        serde_json::from_value(value).map_err(|e| malformed(&e.to_string()))
    }
}
