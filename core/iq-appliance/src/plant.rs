//! The door from the pages to a running demo plant: its instructor's line, behind the trait that the
//! runtime knows.

use std::sync::Arc;

use async_trait::async_trait;
use iq_api_types::{
    ActiveFault, InjectRequest, PlantFault, PlantScenario, PlantStatus, ScenarioRequest,
};
use iq_config::Config;
use iq_domain::{CodedError, Names, Timestamp};
use iq_plant::{
    FaultKind,
    catalogue::catalogue,
    control::{Client, Command},
};
use iq_runtime::DemoPlant;
use serde_json::Value;

/// Controls of a plant that may run in this process or in another one.
#[derive(Clone)]
pub(crate) struct PlantControls(pub(crate) Client);

/// The plant whose files lie in `<data>/plant`, for an appliance that is told to be in DEMO_MODE.
pub(crate) fn from_environment(config: &Config) -> Option<Arc<dyn DemoPlant>> {
    let client = Client::from_folder(&config.data_dir.join("plant")).ok()?;
    Some(Arc::new(PlantControls(client)))
}

#[async_trait]
impl DemoPlant for PlantControls {
    async fn status(&self) -> Result<PlantStatus, CodedError> {
        let status = self.0.send(&Command::Status).await?;
        let list = self.0.send(&Command::List).await?;
        let scenarios = self.0.send(&Command::Scenarios).await?;
        let plant_time = Timestamp(status["plant_time"].as_i64().unwrap_or_default());
        Ok(PlantStatus {
            running: true,
            endpoint_url: text(&status["endpoint_url"]),
            plant_time,
            faults: FaultKind::ALL.iter().map(|kind| offered(*kind)).collect(),
            active: list["active"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|fault| active(fault, plant_time))
                .collect(),
            scenarios: scenarios
                .as_array()
                .into_iter()
                .flatten()
                .map(scenario)
                .collect(),
            tripped: status["tripped"]
                .as_object()
                .map(|tripped| tripped.keys().cloned().collect())
                .unwrap_or_default(),
        })
    }

    async fn inject(&self, request: InjectRequest) -> Result<(), CodedError> {
        if !(1.0..=2_592_000.0).contains(&request.over_s) {
            let error = CodedError::invalid("form.range").with("field", "over_s");
            return Err(error.with("min", 1).with("max", 2_592_000));
        }
        let command = Command::Inject {
            asset: request.asset,
            fault: request.fault,
            over_s: Some(request.over_s),
            severity: None,
            metric: None,
        };
        self.0.send(&command).await.map(drop)
    }

    async fn reset(&self, asset: Option<String>) -> Result<(), CodedError> {
        self.0.send(&Command::Reset { asset }).await.map(drop)
    }

    async fn scenario(&self, request: ScenarioRequest) -> Result<(), CodedError> {
        if !(0.1..=3_600.0).contains(&request.time_scale) {
            let error = CodedError::invalid("form.range").with("field", "time_scale");
            return Err(error.with("min", 0.1).with("max", 3_600));
        }
        let command = Command::Scenario {
            id: request.id,
            time_scale: Some(request.time_scale),
        };
        self.0.send(&command).await.map(drop)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn offered(kind: FaultKind) -> PlantFault {
    let assets = catalogue().assets.iter().filter(|a| kind.fits(&a.family));
    PlantFault {
        fault: kind.as_str().to_owned(),
        names: names_of(kind),
        assets: assets.map(|a| a.code.clone()).collect(),
    }
}

fn names_of(kind: FaultKind) -> Names {
    let (en, ar) = match kind {
        FaultKind::BearingWear => ("Bearing wear", "اهتراء المحمل"),
        FaultKind::LubeStarvation => ("Lubrication starvation", "قصور التزييت"),
        FaultKind::Cavitation => ("Cavitation", "تكهّف"),
        FaultKind::ImpellerWear => ("Impeller wear", "اهتراء الدفّاعة"),
        FaultKind::SealLeak => ("Seal leak", "تسرب مانع التسرب"),
        FaultKind::Fouling => ("Fouling", "اتساخ"),
        FaultKind::Surge => ("Surge", "اندفاع ارتدادي (Surge)"),
        FaultKind::Stiction => ("Valve sticking", "التصاق الصمام"),
        FaultKind::SensorDrift => ("Sensor drift", "انجراف المستشعر"),
        FaultKind::SensorFreeze => ("Frozen reading", "قراءة ثابتة"),
        FaultKind::SensorSpike => ("Sensor spikes", "قفزات في القراءة"),
        FaultKind::ElectricalUnbalance => ("Electrical unbalance", "عدم اتزان كهربائي"),
        FaultKind::LubeOilLoss => ("Lube-oil pressure loss", "هبوط ضغط زيت التزييت"),
    };
    Names {
        en: en.to_owned(),
        ar: ar.to_owned(),
    }
}

#[allow(clippy::cast_possible_truncation)]
fn active(fault: &Value, plant_time: Timestamp) -> ActiveFault {
    let elapsed_ms = fault["elapsed_s"].as_f64().unwrap_or_default() * 1_000.0;
    ActiveFault {
        asset: text(&fault["asset"]),
        fault: text(&fault["fault"]),
        severity: fault["damage"].as_f64().unwrap_or_default(),
        since: plant_time.plus_ms(-(elapsed_ms as i64)),
    }
}

fn scenario(scenario: &Value) -> PlantScenario {
    PlantScenario {
        id: text(&scenario["id"]),
        names: Names {
            en: text(&scenario["title"]["en"]),
            ar: text(&scenario["title"]["ar"]),
        },
    }
}
